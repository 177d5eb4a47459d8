"""A connection in the test's own database, and processes that work on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings as project
from django.db import connection as database

from apps.connections.models import Connection, TokenSet
from apps.connections.services import schedule
from apps.integrations.models import OAuthApp
from tests.authserver import AuthServer
from tests.faults.child import read
from tests.faults.count import LOST, UNAVOIDABLE
from tests.faults.processes import Child, Crew
from tests.fixtures.connections import (
    Cast,
    cast,
    connect_flow,
    connection,
    expire,
    integration,
    let_lease_run_out,
    make_due,
    rotate,
    server,
    tokens_of,
)

__all__ = ["cast", "connect_flow", "connection", "integration", "server"]


def database_url() -> str:
    """The database of this test, as another process reaches it."""
    own = database.settings_dict
    if database.vendor == "sqlite":
        return f"sqlite:///{own['NAME']}"
    user, password = quote(own["USER"] or ""), quote(own["PASSWORD"] or "")
    return f"postgres://{user}:{password}@{own['HOST']}:{own['PORT']}/{own['NAME']}"


@dataclass
class Scene:
    """One connection, its service, and the processes around it."""

    crew: Crew
    server: AuthServer
    connection: Connection
    cast: Cast
    patch: pytest.MonkeyPatch
    # Where the processes use a copy of the database, its rows say nothing.
    is_copied: bool = False

    def rotate(self, rotation: Any) -> None:
        """The service's rotation, and what the catalog says about it, in this process and the others."""
        rotate(self.patch, self.server, rotation)
        self.crew.use_rotation(rotation)

    @property
    def row(self) -> TokenSet:
        return tokens_of(self.connection)

    def commit_in_transaction(self) -> None:
        """On PostgreSQL too, the next refresh stores its tokens in a transaction, since it also closes the circuit."""
        OAuthApp.objects.update(circuit_failures=1)

    def expire(self) -> None:
        expire(self.connection)
        make_due(self.connection)

    def refresher(self, **how: Any) -> Child:
        """A process that does what the worker's task does."""
        row = self.row
        return self.crew.start("-m", "tests.faults.child", "refresh", str(row.pk), str(row.version), **how)

    def reader(self, **how: Any) -> Child:
        """A process that asks for a token, as the connection's owner."""
        owner = str(self.cast.member.pk)
        return self.crew.start("-m", "tests.faults.child", "read", str(self.connection.pk), owner, **how)

    def refresh(self) -> None:
        """Refresh in this process, after the lease has ended."""
        let_lease_run_out(self.connection)
        make_due(self.connection)
        row = self.row
        schedule.refresh_batch([(row.pk, row.version)])

    def read(self) -> dict[str, Any]:
        """What a program gets from this process: never a token that is expired or unknown to the service."""
        given = read(str(self.connection.pk), str(self.cast.member.pk))
        if "token" in given:
            assert self.server.knows(given["token"]), "a token was handed out that the service does not take"
        return given

    def status(self) -> tuple[str, str]:
        self.connection.refresh_from_db()
        return self.connection.status, self.connection.status_reason

    def uses_accepted(self) -> int:
        """How often the service accepted a refresh token."""
        return sum(call.accepted for call in self.server.journal.refreshes)

    def lost(self) -> int:
        """How many connections end with a refresh token of this service that it does not accept any more."""
        stored = [row.refresh_token.reveal() for row in TokenSet.objects.all() if row.refresh_token]
        return 0 if self.is_copied else sum(self.is_ended(token) for token in stored)

    def is_ended(self, token: str) -> bool:
        """Whether the service issued a refresh token and does not accept it any more."""
        for family in self.server.grants.families:
            if token in (family.refresh_token, *family.used):
                latest = (family.refresh_token, *(family.used[-1:] if self.server.rotation == "grace" else ()))
                return family.revoked or token not in latest
        return False

    def secrets(self) -> list[str]:
        """Every token that the service ever gave."""
        families = self.server.grants.families
        return [token for f in families for token in (f.refresh_token, *f.used, *f.access_tokens)]

    def look_for_secrets(self) -> None:
        """No plaintext token is in the database, the spool, or what the processes wrote, except answers to readers."""
        seen = "".join(str(row) for table in database.introspection.table_names() for row in rows_of(table))
        files = [path for path in Path(self.crew.folder).rglob("*") if path.is_file() and path.name != "out"]
        files += Path(project.SPOOL_DIR).glob("*")
        seen += "".join(path.read_bytes().decode(errors="replace") for path in files)
        assert not [token for token in self.secrets() if token in seen], "a plaintext token is stored"


def rows_of(table: str) -> list[Any]:
    """The rows of a table, as the database driver returns them."""
    with database.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the name of a table
        return [[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor.fetchall()]


@pytest.fixture
def crew(server: AuthServer, tmp_path: Path, transactional_db: None) -> Iterator[Crew]:
    made = Crew.on(
        tmp_path / "crew",
        database_url=database_url(),
        spool=project.SPOOL_DIR,
        allowed_host=urlsplit(server.url).netloc,
    )
    yield made
    made.end()


@pytest.fixture
def scene(
    request: pytest.FixtureRequest,
    crew: Crew,
    server: AuthServer,
    connection: Connection,
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    made = Scene(crew, server, connection, cast, monkeypatch)
    yield made
    unavoidable = request.node.get_closest_marker("loses_a_token") is not None
    lost = made.lost()
    request.node.user_properties += [(LOST, lost), (UNAVOIDABLE, unavoidable)]
    assert lost == int(unavoidable), "a token was lost that need not have been, or none was"
