"""The database goes away between the service's answer and the commit: no rotated token is lost, none is in clear."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import InternalError, OperationalError

from apps.connections.errors import ServiceUnavailable
from apps.connections.models import Connection, TokenSet
from apps.connections.services import schedule, spool
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.tokens import issue_token
from apps.sql import Now
from tests.authserver import AuthServer
from tests.fixtures.connections import (
    Cast,
    ConnectFlow,
    access_token,
    actions,
    expire,
    oauth_app,
    refresh_token,
    tokens_of,
)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The database refuses to commit tokens until this is called."""
    back = threading.Event()
    commit = spool.commit_tokens

    def refuse(*given: Any, **named: Any) -> bool:
        if not back.is_set():
            raise OperationalError("the connection is lost")
        return commit(*given, **named)

    monkeypatch.setattr(spool, "COMMIT_RETRIES", timedelta(seconds=0))
    monkeypatch.setattr(spool, "commit_tokens", refuse)
    # In a test's transaction, closing would be the end of the test.
    monkeypatch.setattr(spool.connection, "close", lambda: None)
    yield back.set
    back.set()


def files() -> list[Path]:
    return sorted(Path(settings.SPOOL_DIR).glob("*.json*"))


@pytest.fixture
def spooled(connection: Connection, cast: Cast, server: AuthServer, away: Callable[[], None]) -> Callable[[], None]:
    """New tokens wait in the spool; calling it brings the database back."""
    expire(connection)
    with pytest.raises(ServiceUnavailable, match="it is saved"):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert len(server.journal.refreshes) == 1
    return away


@pytest.mark.django_db
def test_the_spool_holds_ciphertext_only_and_only_for_its_owner(
    connection: Connection, spooled: Callable[[], None], server: AuthServer
) -> None:
    family = server.grants.families[0]
    [path] = files()
    text = path.read_text()
    assert not [token for token in (*family.access_tokens, *family.used, family.refresh_token) if token in text]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(os.listdir(path.parent)) == [".host-id", ".reserve", f"{tokens_of(connection).pk}.1.json"]  # noqa: PTH208
    assert (path.parent / ".reserve").stat().st_blocks * 512 >= spool.RESERVED_BYTES


@pytest.mark.django_db
def test_the_spool_is_replayed_before_anything_else_is_refreshed(
    connection: Connection, spooled: Callable[[], None], server: AuthServer
) -> None:
    assert schedule.claim_due() == [] or tokens_of(connection).version == 1
    assert len(files()) == 1, "still away: still there"
    spooled()
    schedule.claim_due()
    assert files() == []
    assert tokens_of(connection).version == 2
    assert server.knows(access_token(connection))
    assert refresh_token(connection) == server.grants.families[0].refresh_token
    assert actions("connection.refreshed") == ["connection.refreshed"]
    server.journal.check()


@pytest.mark.django_db
def test_a_reader_finds_what_waits_in_the_spool(
    connection: Connection, cast: Cast, spooled: Callable[[], None], server: AuthServer
) -> None:
    spooled()
    token = issue_token(connection=connection, actor=cast.actor("member")).access_token
    assert server.knows(token)
    assert len(server.journal.refreshes) == 1
    assert tokens_of(connection).lease_token is None


@pytest.mark.django_db
def test_a_replay_after_the_version_moved_is_dropped(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, spooled: Callable[[], None]
) -> None:
    flow = connect_flow.begin(cast.actor("member"), connection=connection)
    connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    newer = access_token(connection)
    spooled()
    assert spool.replay() == 1
    assert access_token(connection) == newer
    assert tokens_of(connection).version == 2
    assert files() == []


@pytest.mark.django_db
def test_replaying_twice_changes_nothing(connection: Connection, spooled: Callable[[], None]) -> None:
    [path] = files()
    copy = path.read_text()
    spooled()
    assert spool.replay() == 1
    path.write_text(copy)
    assert spool.replay() == 1
    assert tokens_of(connection).version == 2


@pytest.mark.django_db
def test_a_disconnect_revokes_the_token_that_waits_in_the_spool(
    connection: Connection, cast: Cast, spooled: Callable[[], None], server: AuthServer
) -> None:
    spooled()
    server.grants.families[0].used.clear()
    disconnect(actor=cast.actor("member"), connection=connection)
    assert server.grants.families[0].refresh_token in server.journal.revoked


@pytest.mark.django_db
def test_the_spool_of_a_connection_that_is_gone_is_cleared(connection: Connection, spooled: Callable[[], None]) -> None:
    Connection.objects.all().delete()
    spooled()
    assert spool.replay() == 1
    assert files() == []


@pytest.mark.django_db
def test_an_unreadable_file_stays_and_holds_up_no_other(connection: Connection, spooled: Callable[[], None]) -> None:
    for name, text in (("0.json", "{"), ("1.json", "[]"), ("2.json", '{"token_set_id": "x"}')):
        (Path(settings.SPOOL_DIR) / name).write_text(text)
    spooled()
    assert spool.replay() == 1
    assert [path.name for path in files()] == ["0.json", "1.json", "2.json"]
    assert tokens_of(connection).version == 2


@pytest.mark.django_db
def test_a_broken_oauth_app_does_not_keep_the_spool_from_being_replayed(
    connection: Connection, spooled: Callable[[], None]
) -> None:
    app = oauth_app()
    app.params = {}
    app.save()
    spooled()
    assert spool.replay() == 1
    assert tokens_of(connection).version == 2


@pytest.mark.django_db
def test_a_database_that_comes_back_in_time_needs_no_spool(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, failures = spool.commit_tokens, [OperationalError("restarting"), InternalError("read-only after failover")]

    def fail_twice(*given: Any, **named: Any) -> bool:
        if failures:
            raise failures.pop(0)
        return commit(*given, **named)

    monkeypatch.setattr(spool, "commit_tokens", fail_twice)
    monkeypatch.setattr(spool.connection, "close", lambda: None)
    expire(connection)
    assert server.knows(issue_token(connection=connection, actor=cast.actor("member")).access_token)
    assert files() == []


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_in_the_commit_is_opened_anew(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connection as database

    from apps.connections.services import refresh_outcome

    kept, broken = refresh_outcome.record, []

    def break_once(**named: Any) -> Any:
        if not broken:
            broken.append(True)
            database.connection.close()  # under Django's feet, in the middle of the transaction
        return kept(**named)

    monkeypatch.setattr(refresh_outcome, "record", break_once)
    expire(connection)
    assert server.knows(issue_token(connection=connection, actor=cast.actor("member")).access_token)
    assert tokens_of(connection).version == 2
    assert len(server.journal.refreshes) == 1
    assert files() == []


@pytest.mark.django_db
def test_no_record_no_new_token_in_the_database(
    connection: Connection, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.connections.services import refresh_outcome

    def fail(**_: Any) -> None:
        raise OperationalError("the audit log is away")

    monkeypatch.setattr(spool, "COMMIT_RETRIES", timedelta(seconds=0))
    monkeypatch.setattr(spool.connection, "close", lambda: None)
    monkeypatch.setattr(refresh_outcome, "record", fail)
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert TokenSet.objects.get().version == 1
    assert len(files()) == 1


def until(condition: Callable[[], bool]) -> None:
    """Wait for a thread to make the condition true."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_the_process_that_spooled_commits_as_soon_as_the_database_is_back(
    connection: Connection, cast: Cast, server: AuthServer, away: Callable[[], None], settings: Any
) -> None:
    settings.SPOOL_REPLAY_INTERVAL = 0.05
    expire(connection)
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert len(files()) == 1
    away()
    until(lambda: tokens_of(connection).version == 2)
    until(lambda: files() == [])
    server.journal.check()


@pytest.mark.django_db(transaction=True)
def test_a_process_that_starts_commits_what_another_left_in_the_spool(
    connection: Connection, spooled: Callable[[], None], settings: Any
) -> None:
    spooled()
    settings.SPOOL_REPLAY_INTERVAL = 0.05
    apps.get_app_config("connections").ready()
    until(lambda: tokens_of(connection).version == 2)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No space is left on the disk, apart from what the spool has reserved."""
    write = spool._write

    def write_to_full_disk(pending: spool.PendingTokens) -> None:
        if (spool.folder() / spool.RESERVE).exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(pending)

    monkeypatch.setattr(spool, "_write", write_to_full_disk)


@pytest.mark.django_db
@pytest.mark.usefixtures("full_disk")
def test_on_a_full_disk_new_tokens_are_written_to_the_reserved_space(
    connection: Connection, cast: Cast, away: Callable[[], None]
) -> None:
    expire(connection)
    with pytest.raises(ServiceUnavailable, match="it is saved"):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert len(files()) == 1
    away()
    assert spool.replay() == 1
    assert tokens_of(connection).version == 2
    assert (spool.folder() / spool.RESERVE).exists(), "the space is reserved again"


@pytest.mark.django_db
def test_without_any_space_new_tokens_stay_in_memory_until_they_are_committed(
    connection: Connection, cast: Cast, server: AuthServer, away: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool, "_write", no_space)
    expire(connection)
    with pytest.raises(ServiceUnavailable, match="it is saved"):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert files() == []
    assert spool.is_pending()
    assert spool.replay() == 0, "the database is still unavailable"
    away()
    assert spool.replay() == 1
    assert not spool.is_pending()
    assert tokens_of(connection).version == 2
    assert server.knows(access_token(connection))


@pytest.mark.django_db
def test_a_strict_grant_whose_response_is_in_the_memory_of_another_process_is_not_sent(
    connection: Connection, server: AuthServer, away: Callable[[], None], cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool, "_write", no_space)
    expire(connection)
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=cast.actor("member"))
    kept = spool._in_memory.copy()
    spool._in_memory.clear()  # as in any other process
    away()
    TokenSet.objects.update(lease_until=None, dispatched_until=None, next_refresh_at=Now() - timedelta(seconds=1))
    schedule.refresh_batch(schedule.claim_due())
    assert len(server.journal.refreshes) == 1
    spool._in_memory.extend(kept)
    assert spool.replay() == 1
    assert not list(spool.folder().glob("*.memory"))
    assert server.knows(access_token(connection))
    server.journal.check()


def test_a_process_without_a_spool_is_a_host_of_its_own(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.SPOOL_DIR = str(tmp_path / "file" / "spool")
    own = spool.host_id()
    assert len(own) == 36
    assert spool.host_id() == own


@pytest.mark.django_db
def test_tokens_older_than_a_later_failed_attempt_are_refreshed_once_before_they_count(
    connection: Connection, cast: Cast, server: AuthServer, spooled: Callable[[], None]
) -> None:
    TokenSet.objects.update(last_failure="unknown", last_failure_at=Now() + timedelta(seconds=1), lease_until=None)
    Connection.objects.update(status="needs_attention", status_reason="outcome_unknown")
    spooled()
    assert spool.replay() == 1
    row = tokens_of(connection)
    assert (row.version, row.next_refresh_at) == (2, row.expires_at)
    waiting = Connection.objects.get()
    assert (waiting.status, waiting.status_reason) == ("needs_attention", "service_unavailable")
    before = access_token(connection)
    token = issue_token(connection=connection, actor=cast.actor("member")).access_token
    assert token != before
    assert server.knows(token)
    assert Connection.objects.get().status == "active"


@pytest.mark.django_db
def test_a_strict_grant_whose_response_may_be_on_another_host_is_not_sent_too_early(
    connection: Connection, server: AuthServer
) -> None:
    # Its process died: the lease has ended, and was not released.
    sent = {"unresolved_sends": 1, "sent_by": "another-host", "sent_at": Now() - timedelta(minutes=5)}
    sent |= {"lease_until": Now() - timedelta(minutes=4)}
    expire(connection, ago=60)
    TokenSet.objects.update(**sent, next_refresh_at=Now() - timedelta(seconds=1))
    schedule.refresh_batch(schedule.claim_due())
    assert server.arrivals.count("refresh_token") == 0
    assert Connection.objects.get().status_reason == "service_unavailable"
    expire(connection, ago=121)
    TokenSet.objects.update(**sent, not_before=None, next_refresh_at=Now() - timedelta(seconds=1))
    schedule.refresh_batch(schedule.claim_due())
    assert server.arrivals.count("refresh_token") == 1
