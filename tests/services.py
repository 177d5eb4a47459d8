"""What this machine has of the services that tests need, and pieces of them that belong to one test alone."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
OURS = "specway-tests-run"
OLDEST_NODE = 20


@functools.cache
def postgresql_is_missing() -> str:
    """Why PostgreSQL cannot be used, or an empty string. The account must be allowed to create databases."""
    try:
        with psycopg.connect(POSTGRESQL, connect_timeout=2) as connection:
            row = connection.execute("SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user").fetchone()
    except psycopg.Error:
        return f"no PostgreSQL answers at {_place(POSTGRESQL)} (TEST_DATABASE_URL)"
    return "" if row and row[0] else f"the account at {_place(POSTGRESQL)} may not create databases"


@functools.cache
def redis_is_missing() -> str:
    try:
        redis.Redis.from_url(REDIS, socket_connect_timeout=2, socket_timeout=2).ping()
    except redis.RedisError:
        return f"no Redis answers at {_place(REDIS)} (TEST_REDIS_URL)"
    return ""


@functools.cache
def chromium() -> str | None:
    """The path of the browser."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


def chromium_without_windows() -> str | None:
    """The same, or the build without windows if it is installed: half the processor time, and no popup blocker."""
    return shutil.which("chromium-headless-shell") or chromium()


def browser_is_missing() -> str:
    return "" if chromium() else "there is no Chromium on the PATH"


def postgresql_programs() -> Path | None:
    """The folder of PostgreSQL's server programs (initdb, pg_ctl); the newest version's."""
    on_path = shutil.which("pg_ctl")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def postgresql_programs_are_missing() -> str:
    return "" if postgresql_programs() else "initdb and pg_ctl are not there"


def redis_server_is_missing() -> str:
    return "" if shutil.which("redis-server") else "redis-server is not on the PATH"


@functools.cache
def mounting_is_impossible() -> str:
    """Why no process of a test can have a small file system of its own, to be full; empty where one can."""
    if sys.platform != "linux":
        return "only Linux can mount a file system for some processes"
    mounted = subprocess.run(["/usr/bin/unshare", "-m", "/bin/true"], capture_output=True, check=False)
    return "" if mounted.returncode == 0 else "this account may not mount file systems"


@functools.cache
def node_is_missing() -> str:
    """Why programs for Node cannot be installed and started, or an empty string."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return "there is no node with npm on the PATH"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    major = version.removeprefix("v").partition(".")[0]
    return "" if major.isdecimal() and int(major) >= OLDEST_NODE else f"node is {version}, older than {OLDEST_NODE}"


MISSING: dict[str, tuple[str, Callable[[], str]]] = {
    "needs_postgresql": ("PostgreSQL", postgresql_is_missing),
    "needs_postgresql_programs": ("PostgreSQL's server programs", postgresql_programs_are_missing),
    "needs_redis": ("Redis", redis_is_missing),
    "needs_redis_server": ("A Redis of its own", redis_server_is_missing),
    "needs_browser": ("Chromium", browser_is_missing),
    "needs_node": ("Node", node_is_missing),
    "needs_mount": ("A file system of its own", mounting_is_impossible),
}


@contextmanager
def own_postgresql_database(*, template: str = "template1") -> Iterator[str]:
    """The URL of a new database with what the template holds. It is dropped afterwards, whatever is still connected."""
    name = f"specway_test_{token_hex(6)}"
    create_database(name, template=template)
    try:
        yield url_of_database(name)
    finally:
        drop_database(name)


def create_database(name: str, *, template: str = "template1") -> None:
    """Copies the template, to which nothing may be connected; PostgreSQL's own is empty."""
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def drop_database(name: str) -> None:
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def url_of_database(name: str) -> str:
    return urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{name}"))


@contextmanager
def own_redis_database() -> Iterator[str]:
    """The URL of a Redis database (1 to 15) that was empty and is ours until it is flushed afterwards."""
    for number in range(15, 0, -1):
        client = redis.Redis.from_url(REDIS, db=number)
        if client.dbsize() or not client.set(OURS, token_hex(6), nx=True, ex=3600):
            continue
        try:
            yield urlunsplit(urlsplit(REDIS)._replace(path=f"/{number}"))
        finally:
            client.flushdb()
        return
    raise RuntimeError("None of the databases 1 to 15 in Redis is empty; flush one that is not needed.")


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}"
