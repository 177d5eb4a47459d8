"""Preparing the sandbox (database, people, clients) and serving it, as its own process with its own settings."""

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
THREADS = 24  # a slow scenario keeps one busy for seconds


def serve(*, port: int) -> None:
    """Serves on 127.0.0.1 until a signal comes: one process, several threads. Port 0 takes any free one."""
    listener = _listen(port)
    port = listener.getsockname()[1]
    os.environ.setdefault("SANDBOX_URL", f"http://127.0.0.1:{port}")
    prepare()
    from django.core.wsgi import get_wsgi_application

    print(f"Sandbox ready at http://127.0.0.1:{port}/", flush=True)  # noqa: T201 - for whoever started it
    _Server(get_wsgi_application(), listener).run()


def prepare() -> None:
    """The database is migrated and both people exist afterwards. Ends the program with a sentence if it cannot be."""
    # Set, not defaulted: a shell or a parent may carry the product's.
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    try:
        django.setup()
        from django.core.management import call_command

        from . import accounts, journal

        call_command("migrate", verbosity=0, interactive=False)
        accounts.create_people()
        journal.forget_the_oldest()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def register_client(*, name: str, redirect_uris: list[str]) -> None:
    """Prints `{"client_id", "client_secret"}`. The same name keeps its client ID; the secret is new each time."""
    prepare()
    from oauth2_provider.generators import generate_client_secret
    from oauth2_provider.models import Application

    client = Application.objects.filter(name=name).first() or Application(name=name)
    secret = generate_client_secret()
    client.client_secret = secret  # only its hash is kept
    client.redirect_uris = " ".join(redirect_uris)
    client.client_type = Application.CLIENT_CONFIDENTIAL
    client.authorization_grant_type = Application.GRANT_AUTHORIZATION_CODE
    try:
        client.full_clean()
    except ValidationError as error:
        sys.exit("The sandbox does not take this client: " + " ".join(error.messages))
    client.save()
    print(json.dumps({"client_id": client.client_id, "client_secret": secret}))  # noqa: T201 - this is its answer


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


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, application: Callable[..., Any], listener: socket.socket) -> None:
        self.application = application
        self.listener = listener
        super().__init__()

    def load_config(self) -> None:
        choices = {
            "bind": f"fd://{self.listener.fileno()}",
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": 1,  # a browser's idle connection must not keep Ctrl-C waiting
            "loglevel": "warning",
            "control_socket_disable": True,  # its path would be shared with every other gunicorn of this user
        }
        for name, value in choices.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        return self.application
