"""What several tests start from and takes long to make: made once in a run, under a lock, and copied from then on.

pytest-xdist's processes inherit the folder of the run (`SPECWAY_TESTS_DIR`): the first one that needs something makes
it, and the others wait for that. Databases of PostgreSQL are copied with `CREATE DATABASE … TEMPLATE`.
"""

import atexit
import fcntl
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests import forked
from tests.services import create_database, drop_database, own_postgresql_database, url_of_database

REPOSITORY = Path(__file__).resolve().parent.parent
# Bounds of time are no measures: a machine whose processors are busy with other programs takes so many times as long.
BUSY = 6
PASSWORD_LINE = re.compile(r"^Log in as (\S+) with password (\S+)$", re.MULTILINE)
SHOW_CLIENT = """
import json
from apps.integrations.models import OAuthApp
from apps.web.logos import logo
app = OAuthApp.objects.get()
logo("github")  # writes those of the catalog to a file, which a process reads ten times faster than their package
print(json.dumps({"client_id": app.client_id, "client_secret": app.client_secret.reveal()}))
"""
SET_CLIENT = """
import json
from apps.integrations.oauth_apps.services import ensure_oauth_app
from config.quickstart.people import QUICKSTART
client, params = json.loads(input()), {"origin": "http://127.0.0.1:1"}
ensure_oauth_app(integration_slug="sandbox", origin=QUICKSTART, params=params, **client)
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


def quickstart(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`manage.py quickstart …`, with the folder and a `.env` in it."""
    command = [sys.executable, "manage.py", "quickstart", *arguments]
    return forked.run(command, env=_own(folder) | environment, timeout=120 * BUSY)


def _as_people_run_it(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The same in another working directory, with nothing imported before."""
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "manage.py"), "quickstart", *arguments],
        cwd=folder,
        env=_own(folder),
        capture_output=True,
        text=True,
        timeout=120 * BUSY,
        check=False,
    )


def _own(folder: Path) -> dict[str, str]:
    return _environment(folder) | {"HOME": str(folder)}


def first_start() -> tuple[Path, dict[str, Any]]:
    """The folder of a first `quickstart --prepare-only`, and what it said: `stdout` and `stderr`.

    With it, the team's passwords (`accounts`) and the `client` at the sandbox: whatever starts from a prepared product
    starts from this.
    """

    def make(folder: Path) -> dict[str, Any]:
        said = _prepared(_as_people_run_it(folder, *_only_prepare()))
        client = json.loads(_run(["manage.py", "shell", "-v", "0", "-c", SHOW_CLIENT], _environment(folder)))
        return said | {"client": client}

    return once("product-sqlite", make)


def on_postgresql() -> dict[str, Any]:
    """The same in a database of PostgreSQL, to copy: its name as `template`. It has the keys of the first."""

    def make(folder: Path) -> dict[str, Any]:
        first, made = first_start()
        template = f"{run_folder().name.replace('-', '_').lower()}_product"
        create_database(template)
        environment = keys() | {"DATABASE_URL": url_of_database(template)}
        shutil.copytree(first / "var" / "sandbox", folder / "var" / "sandbox")
        said = _prepared(quickstart(folder, *_only_prepare(), **environment))
        set_client = ["manage.py", "shell", "-v", "0", "-c", SET_CLIENT]
        _run(set_client, _environment(folder) | environment, said=json.dumps(made["client"]))
        return said | {"template": template}

    made: dict[str, Any] = once("product-postgresql", make)[1]
    return made


def keys() -> dict[str, str]:
    """Settings with which what is prepared is encrypted: a copy can be read with no others."""
    lines = (first_start()[0] / ".env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    return {name: settings[name] for name in ("SECRET_KEY", "FINGERPRINT_KEY", "VAULT_KEYS")}


def copy_sandbox(var: Path, *, redirect_uris: list[str]) -> dict[str, str]:
    """A sandbox in the new folder `var`, with one client that has these redirect URIs: gives its ID and secret."""
    folder, made = first_start()
    shutil.copytree(folder / "var" / "sandbox", var)
    with closing(sqlite3.connect(var / "sandbox.sqlite3")) as database, database:
        database.execute("UPDATE oauth2_provider_application SET redirect_uris = ?", [" ".join(redirect_uris)])
    client: dict[str, str] = made["client"]
    return client


def copy_to_sqlite(var: Path, *, sandbox: str) -> dict[str, str]:
    """The product with its demo team in the new folder `var`, a client of the sandbox at that origin ("" for none).

    Gives the team's passwords by e-mail address.
    """
    folder, made = first_start()
    shutil.copytree(folder / "var", var, ignore=shutil.ignore_patterns("sandbox"))
    with closing(sqlite3.connect(var / "specway.sqlite3")) as database, database:
        for statement, values in _client_at(sandbox, "?"):
            database.execute(statement, values)
    passwords: dict[str, str] = made["accounts"]
    return passwords


def copy_logos(var: Path) -> None:
    """The file of logos in the new folder `var` of a product whose database is elsewhere."""
    (var / "cache").mkdir(mode=0o700, parents=True)
    for file in (first_start()[0] / "var" / "cache").glob("logos-*.json"):
        shutil.copy2(file, var / "cache")


@contextmanager
def copy_to_postgresql(*, sandbox: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The same in a new database, while the block lasts: its URL, and the team's passwords by e-mail address."""
    made = on_postgresql()
    with own_postgresql_database(template=made["template"]) as url:
        with psycopg.connect(url) as database:
            for statement, values in _client_at(sandbox, "%s"):
                database.execute(statement, values)
        yield url, made["accounts"]


def _only_prepare() -> list[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return ["--prepare-only", "--port", str(probe.getsockname()[1])]


def _prepared(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    if done.returncode:
        raise RuntimeError(f"quickstart failed:\n{done.stdout}{done.stderr}")
    return {"stdout": done.stdout, "stderr": done.stderr, "accounts": dict(PASSWORD_LINE.findall(done.stdout))}


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's but the search path."""
    own = {"ENV_FILE": str(folder / ".env"), "VAR_DIR": str(folder / "var")}
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | own


def _client_at(sandbox: str, mark: str) -> list[tuple[str, list[str]]]:
    """The statements that lead the client to the sandbox, or remove it; `mark` is how the driver writes a value."""
    if not sandbox:
        return [("DELETE FROM integrations_oauthapp", [])]
    return [(f"UPDATE integrations_oauthapp SET params = {mark}", [json.dumps({"origin": sandbox})])]  # noqa: S608


def _run(arguments: list[str], environment: dict[str, str], *, said: str = "") -> str:
    """`python ARGUMENTS` to its end; what it printed. Raises RuntimeError with its messages if it fails."""
    done = forked.run([sys.executable, *arguments], env=environment, said=said, timeout=120 * BUSY)
    if done.returncode:
        raise RuntimeError(f"{arguments[:3]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
