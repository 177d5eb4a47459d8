"""What several tests start from and takes long to make: made once in a run, under a lock, and copied from then on.

pytest-xdist's processes inherit the folder of the run (`SPECWAY_TESTS_DIR`): the first one that needs something makes
it, and the others wait for that. Databases of PostgreSQL are copied with `CREATE DATABASE … TEMPLATE`.
"""

import atexit
import base64
import fcntl
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.services import create_database, drop_database, own_postgresql_database, url_of_database

REPOSITORY = Path(__file__).resolve().parent.parent
# Bounds of time are no measures: a machine whose processors are busy with other programs takes so many times as long.
BUSY = 6
# The client's ID and secret come on standard input. Its address is written into each copy.
PREPARE_PRODUCT = """
import json, os
from django.core.management import call_command
from apps.integrations.oauth_apps.services import ensure_oauth_app
from config.quickstart.people import QUICKSTART, create_demo_team
call_command("migrate", verbosity=0)
with open(os.devnull, "w") as nowhere:
    call_command("load_catalog", stdout=nowhere)
client = json.loads(input())
ensure_oauth_app(integration_slug="sandbox", origin=QUICKSTART, params={"origin": "http://127.0.0.1:1"}, **client)
print(json.dumps(create_demo_team()))
"""


def run_folder() -> Path:
    """The folder that all processes of this run share. Outside of pytest it is made here and ends with the process."""
    if "SPECWAY_TESTS_DIR" not in os.environ:
        os.environ["SPECWAY_TESTS_DIR"] = tempfile.mkdtemp(prefix="specway-tests-")
        atexit.register(forget, Path(os.environ["SPECWAY_TESTS_DIR"]))
    return Path(os.environ["SPECWAY_TESTS_DIR"])


def once(name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """The folder `name` of this run, and what `make` returned for it when the first process called it (JSON).

    What failed once is not tried again: RuntimeError with its messages.
    """
    folder = run_folder() / "prepared" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made, failed = folder / "made.json", folder / "failed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if failed.exists():
            raise RuntimeError(failed.read_text())
        if not made.exists():
            try:
                text = json.dumps(make(folder))
            except Exception as error:
                failed.write_text(f"{name} cannot be prepared: {error}")
                raise
            made.touch(mode=0o600)
            made.write_text(text)
    return folder, json.loads(made.read_text())


def forget(folder: Path) -> None:
    """Removes the folder of a run and the databases that its `once` made in PostgreSQL."""
    for made in folder.glob("prepared/*-postgresql/made.json"):
        drop_database(json.loads(made.read_text())["template"])
    shutil.rmtree(folder, ignore_errors=True)


def keys() -> dict[str, str]:
    """Settings with which what is prepared is encrypted: a copy can be read with no others."""

    def make(folder: Path) -> dict[str, str]:
        vault_key = base64.b64encode(secrets.token_bytes(32)).decode()
        made = {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "FINGERPRINT_KEY")}
        return made | {"VAULT_KEYS": f"test:{vault_key}"}

    made: dict[str, str] = once("keys", make)[1]
    return made


def copy_sandbox(var: Path, *, redirect_uris: list[str]) -> dict[str, str]:
    """A sandbox in the new folder `var`, with one client that has these redirect URIs: gives its ID and secret."""
    folder, client = _sandbox()
    shutil.copytree(folder / "var", var)
    with closing(sqlite3.connect(var / "sandbox.sqlite3")) as database, database:
        database.execute("UPDATE oauth2_provider_application SET redirect_uris = ?", [" ".join(redirect_uris)])
    return client


def copy_to_sqlite(var: Path, *, sandbox: str) -> dict[str, str]:
    """The product with its demo team in the new folder `var`, a client of the sandbox at that origin ("" for none).

    Gives the team's passwords by e-mail address.
    """

    def make(folder: Path) -> dict[str, str]:
        return _prepare_product(folder)

    folder, accounts = once("product-sqlite", make)
    shutil.copytree(folder / "var", var)
    with closing(sqlite3.connect(var / "specway.sqlite3")) as database, database:
        for statement, values in _client_at(sandbox, "?"):
            database.execute(statement, values)
    passwords: dict[str, str] = accounts
    return passwords


@contextmanager
def copy_to_postgresql(*, sandbox: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The same in a new database, while the block lasts: its URL, and the team's passwords by e-mail address."""

    def make(folder: Path) -> dict[str, Any]:
        template = f"{run_folder().name.replace('-', '_').lower()}_product"
        create_database(template)
        return {"template": template, "accounts": _prepare_product(folder, DATABASE_URL=url_of_database(template))}

    _, made = once("product-postgresql", make)
    with own_postgresql_database(template=made["template"]) as url:
        with psycopg.connect(url) as database:
            for statement, values in _client_at(sandbox, "%s"):
                database.execute(statement, values)
        yield url, made["accounts"]


def _sandbox() -> tuple[Path, dict[str, str]]:
    def make(folder: Path) -> dict[str, str]:
        command = ["-m", "apps.sandbox", "register-client", "--redirect-uri", "http://127.0.0.1/callback"]
        printed = _run(command, {"SANDBOX_VAR_DIR": str(folder / "var")})
        client: dict[str, str] = json.loads(printed)
        return client

    return once("sandbox", make)


def _prepare_product(folder: Path, **environment: str) -> dict[str, str]:
    own = {"VAR_DIR": str(folder / "var"), "ENV_FILE": str(folder / "no.env"), **keys(), **environment}
    printed = _run(["manage.py", "shell", "-v", "0", "-c", PREPARE_PRODUCT], own, said=json.dumps(_sandbox()[1]))
    accounts: dict[str, str] = json.loads(printed)
    return accounts


def _client_at(sandbox: str, mark: str) -> list[tuple[str, list[str]]]:
    """The statements that lead the client to the sandbox, or remove it; `mark` is how the driver writes a value."""
    if not sandbox:
        return [("DELETE FROM integrations_oauthapp", [])]
    return [(f"UPDATE integrations_oauthapp SET params = {mark}", [json.dumps({"origin": sandbox})])]  # noqa: S608


def _run(arguments: list[str], environment: dict[str, str], *, said: str = "") -> str:
    """`python ARGUMENTS` to its end; what it printed. Raises RuntimeError with its messages if it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | environment,
        input=said,
        capture_output=True,
        text=True,
        timeout=120 * BUSY,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments[:3]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
