"""What a measurement runs on: a database and folder of its own, keys made up for it, and Django set up in here."""

import base64
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import django
from django.core.management import call_command

from tests.services import own_postgresql_database

Database = Literal["sqlite", "postgresql"]


@contextmanager
def bench_home(database: Database, *, allowed_host: str) -> Iterator[Path]:
    """The folder. This process and those that inherit its environment use the database, which is migrated."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="specway-bench-")))
        postgresql = stack.enter_context(own_postgresql_database()) if database == "postgresql" else ""
        os.environ |= {
            "DATABASE_URL": postgresql or f"sqlite:///{folder}/bench.sqlite3",
            "VAR_DIR": str(folder / "var"),
            "ENV_FILE": str(folder / "no.env"),
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "EGRESS_ALLOWED_HOSTS": allowed_host,
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "LOG_LEVEL": "WARNING",
            "VAULT_KEYS": "bench:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            **{name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "FINGERPRINT_KEY", "METRICS_TOKEN")},
        }
        django.setup()
        call_command("migrate", verbosity=0)
        yield folder
        from django.db import connections

        connections.close_all()


def say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 - the result of the command
