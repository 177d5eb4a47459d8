"""Prepares the sandbox (database, accounts, clients) and serves it in its own process with its own settings."""

import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured, ValidationError
from gunicorn.app.base import BaseApplication

SETTINGS = "apps.sandbox.settings"
THREADS = 24  # the slow scenario keeps one busy for seconds


def serve(*, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT: one process, several threads. Port 0 is any free port."""
    listener = _listen(port)
    port = listener.getsockname()[1]
    os.environ.setdefault("SANDBOX_URL", f"http://127.0.0.1:{port}")
    prepare()
    from django.core.wsgi import get_wsgi_application

    print(f"Sandbox ready at http://127.0.0.1:{port}/", flush=True)  # noqa: T201 - output of the command
    _Server(get_wsgi_application(), listener).run()


def prepare() -> None:
    """Migrate the database and create the accounts. Exits with a message if that fails."""
    # Set, not defaulted: the environment may name the product's settings.
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    try:
        django.setup()
        from django.core.management import call_command

        from . import accounts, journal

        call_command("migrate", verbosity=0, interactive=False)
        accounts.create_people()
        journal.delete_oldest()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def register_client(*, name: str, redirect_uris: list[str]) -> None:
    """Print `{"client_id", "client_secret"}`. A known name keeps its client ID and gets a new secret."""
    prepare()
    from oauth2_provider.generators import generate_client_secret
    from oauth2_provider.models import Application

    client = Application.objects.filter(name=name).first() or Application(name=name)
    secret = generate_client_secret()
    client.client_secret = secret  # stored as a hash
    client.redirect_uris = " ".join(redirect_uris)
    client.client_type = Application.CLIENT_CONFIDENTIAL
    client.authorization_grant_type = Application.GRANT_AUTHORIZATION_CODE
    try:
        client.full_clean()
    except ValidationError as error:
        sys.exit("The sandbox cannot register this client: " + " ".join(error.messages))
    client.save()
    print(json.dumps({"client_id": client.client_id, "client_secret": secret}))  # noqa: T201 - output of the command


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        sys.exit(f"The sandbox cannot listen on port {port}: {reason}. Choose another with --port.")
    listener.listen(128)
    return listener


class _Server(BaseApplication):
    def __init__(self, application: Callable[..., Any], listener: socket.socket) -> None:
        self.application = application
        self.listener = listener
        super().__init__()

    def load_config(self) -> None:
        choices = {
            "bind": f"fd://{self.listener.fileno()}",
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": 1,  # an idle browser connection must not delay Ctrl-C
            "loglevel": "warning",
            "control_socket_disable": True,  # all gunicorn processes of this user would share its path
        }
        for name, value in choices.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        return self.application
