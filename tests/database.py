"""Django's test database: migrated once in a run, and copied for each process of pytest-xdist."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from apps.web import logos
from tests.prepared import once, run_folder


@contextmanager
def copied_database(process: str) -> Iterator[None]:
    """Django's default database is a copy that belongs to the process of this name (`gw0`), while the block lasts."""
    before = connection.settings_dict["NAME"]
    _, made = once("database", _migrated)
    _use(made["name"])
    copy = connection.creation.get_test_db_clone_settings(process)["NAME"]
    connection.creation.clone_test_db(process, verbosity=0)
    _use(copy)
    try:
        yield
    finally:
        _use(before)
        _drop(copy)


def copy_logos() -> None:
    """The file of logos that one process of the run has written: reading their package takes half a second."""
    own = Path(settings.VAR_DIR) / "cache"
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder, name = once("logos", _logos)
    shutil.copy2(folder / name, own)


def _logos(folder: Path) -> str:
    logos.logo("github")
    shutil.copy2(logos._file(), folder)
    return logos._file().name


def drop_migrated_database() -> None:
    """What the copies were made from, at the end of the run."""
    if (run_folder() / "prepared" / "database" / "made.json").exists():
        _drop(once("database", _migrated)[1]["name"])


def _migrated(folder: Path) -> dict[str, Any]:
    if connection.vendor == "sqlite":
        name = str(folder / "test.sqlite3")
    else:
        name = f"{run_folder().name.replace('-', '_').lower()}_migrated"
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()
    return {"name": name}


def _use(name: str) -> None:
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _drop(name: str) -> None:
    """Also where a thread is still connected to it: one that checks calls in progress may outlive the last test."""
    if connection.vendor == "sqlite":
        connection.creation._destroy_test_db(name, verbosity=0)
        return
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {connection.ops.quote_name(name)} WITH (FORCE)")


@contextmanager
def rolled_back() -> Iterator[None]:
    """Nothing that happens within the block is left in the database, also of durable transactions."""
    block = transaction.atomic()
    # As Django's own tests mark theirs: services may begin durable transactions within.
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)
