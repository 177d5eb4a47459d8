"""The steps of quickstart that need the settings: database, catalog, people, the sandbox's OAuth app."""

import fcntl
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from config.quickstart.environment import BASE_DIR, Addresses
from config.quickstart.refusal import Refusal

Say = Callable[[str], None]


def prepare(*, addresses: Addresses, new_passwords: bool, say: Say) -> dict[str, str]:
    """Prepare what is not ready yet; return the passwords of accounts that were created or changed. Raises Refusal."""
    with _errors_as_refusals():
        django.setup()
        from django.conf import settings

        logging.getLogger().setLevel(logging.WARNING)
        with _one_at_a_time(Path(settings.VAR_DIR)):
            return _prepare(addresses=addresses, new_passwords=new_passwords, say=say)


def _prepare(*, addresses: Addresses, new_passwords: bool, say: Say) -> dict[str, str]:
    from apps.web.migration import migrate
    from config.quickstart import people

    _require_redis()
    say(f"Preparing the database ({_database()}) …")
    migrate(verbosity=0)
    call_command("check", databases=["default"], stdout=io.StringIO())
    say("Loading the catalog of services …")
    call_command("load_catalog", stdout=io.StringIO())
    passwords = people.set_new_passwords() if new_passwords else people.create_demo_team()
    if passwords:
        say("Setting new passwords of the demo team …" if new_passwords else "Creating the demo team …")
    _connect_sandbox(addresses, say)
    connection.close()
    return passwords


@contextmanager
def _errors_as_refusals() -> Iterator[None]:
    try:
        yield
    except (ImproperlyConfigured, CommandError) as error:
        raise Refusal(str(error).strip()) from error
    except DatabaseError as error:
        raise Refusal(f"The database ({_database()}) cannot be used: {str(error).strip()}") from error


@contextmanager
def _one_at_a_time(var: Path) -> Iterator[None]:
    """Two quickstarts in one folder take turns."""
    with (var / "quickstart.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _database() -> str:
    configured = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"SQLite, {configured['NAME']}"
    host, port = configured["HOST"] or "localhost", configured["PORT"] or 5432
    return f"{connection.display_name}, {configured['NAME']} at {host}:{port}"


def _require_redis() -> None:
    from django.conf import settings
    from redis import Redis
    from redis.exceptions import RedisError

    if not settings.REDIS_URL:
        return
    try:
        Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3).ping()
    except (RedisError, ValueError) as error:
        raise Refusal(f"Redis does not answer: {error} Start it, or unset REDIS_URL.") from error


def _connect_sandbox(addresses: Addresses, say: Say) -> None:
    """Register the product as a client at the sandbox and store its client ID and secret, unless that is done."""
    from django.conf import settings

    from apps.integrations.models import OAuthApp

    params = {"origin": addresses.sandbox_url}
    redirect_uri = f"{settings.PUBLIC_URL}/oauth/callback"
    registered = Path(settings.VAR_DIR) / "sandbox" / "registered-client"
    app = OAuthApp.objects.filter(integration__slug="sandbox", integration__team=None, team=None).first()
    if app and _is_registered(registered, f"{app.client_id} {redirect_uri}") and app.params == params:
        return
    say("Registering with the sandbox service …")
    client = _register_client(redirect_uri)
    _store_oauth_app(client, params)
    registered.write_text(f"{client['client_id']} {redirect_uri}")


def _is_registered(registered: Path, client: str) -> bool:
    return registered.exists() and registered.read_text() == client


def _register_client(redirect_uri: str) -> dict[str, str]:
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "apps.sandbox", "register-client", "--redirect-uri", redirect_uri],
        cwd=BASE_DIR,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refusal(f"The sandbox could not be prepared: {done.stderr.strip()}")
    client: dict[str, str] = json.loads(done.stdout)
    return client


def _store_oauth_app(client: dict[str, str], params: dict[str, str]) -> None:
    from apps.integrations.oauth_apps.services import ensure_oauth_app
    from config.quickstart.people import QUICKSTART

    ensure_oauth_app(
        integration_slug="sandbox",
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        params=params,
        origin=QUICKSTART,
    )
