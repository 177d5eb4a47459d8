"""A call that is repeated: one statement, with the same outcome as by the ordinary path whatever changed in between."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps import egress
from apps.audit.models import AuditEvent
from apps.connections.errors import ServiceUnavailable
from apps.connections.models import Connection, DailyUse, WorkflowCaller, WorkflowUse
from apps.connections.services import refresh as refreshing
from apps.gateway import api as gateway_api
from apps.gateway.proxy.concurrency import CALLS_IN_FLIGHT
from apps.gateway.services import repeated_call
from apps.oauth.signing import PlainCredentials
from apps.teams import throttling
from apps.teams.call_counter import CallCounter
from apps.teams.models import ApiKey
from tests.connections.token_cases import WORKFLOW, Scene, make_scene
from tests.fixtures.connections import Cast
from tests.gateway import test_proxy
from tests.gateway.repeated_cases import CHANGES, Change, make_usual, refreshed, shares
from tests.gateway.test_proxy import body_of, by_key
from tests.servers import HttpServer, http_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_minute")]
kind_api, mine = test_proxy.kind_api, test_proxy.mine
NOT_COMPARED = ("id", "occurred_at", "last_used_at", "use_id", "detail")


@pytest.fixture
def service() -> Iterator[HttpServer]:
    if database.vendor != "postgresql":
        pytest.skip("SQLite keeps the ordinary path.")
    with http_server() as running:
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        running.will_answer(200, b'{"ok": true}')
        yield running
    cache.clear()


@pytest.fixture
def scene(service: HttpServer) -> Scene:
    return make_scene(service.url)


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    def unavailable(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable("Not now.", retry_after=1)

    monkeypatch.setattr(refreshing, "attempt_refresh", unavailable)
    settings.API_RATES = {"default": 600, "token": 300, "team": 6000, "failed": 0}
    forget(monkeypatch)


@pytest.fixture
def statement(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Counts the calls that the statement recorded, in a test's transaction too."""
    monkeypatch.setattr(repeated_call, "is_available", lambda: True)
    original, recorded = repeated_call.record_if_unchanged, Mock()

    def spied(call: Any, **more: Any) -> Any:
        unknown = original(call, **more)
        if unknown is None:
            recorded()
        return unknown

    monkeypatch.setattr("apps.gateway.proxy.repeated.record_if_unchanged", spied)
    return recorded


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for remembered in (repeated_call._allowed, repeated_call._decrypted):
        monkeypatch.setattr(remembered, "_entries", type(remembered._entries)())
    monkeypatch.setattr(throttling, "_counter", CallCounter())
    cache.clear()


def send(scene: Scene, key: str = "own", *, method: str = "POST", data: bytes = b'{"n": 1}', **headers: str) -> Any:
    path = f"/api/v1/connections/{scene.connection.pk}/proxy/things?x=1"
    sent = {"Authorization": f"Bearer {scene.keys[key][1]}", "User-Agent": "tests/1.0", **headers}
    client = Client(raise_request_exception=False)
    return client.generic(method, path, data, "application/json", headers=sent, RAW_URI=path)


def observed(service: HttpServer, response: Any) -> dict[str, Any]:
    """The answer and what the service received; then the service forgets it."""
    received = [(call.method, call.path, call.headers.get("Authorization"), call.body) for call in service.received]
    service.received.clear()
    return {
        "status": response.status_code,
        "body": body_of(response),
        "code": response.headers.get("Specway-Error"),
        "ranges": response.headers.get("Accept-Ranges"),
        "rate limit": response.headers.get("RateLimit", "").partition(";t=")[0],
        "received": received,
    }


def written() -> list[Any]:
    events = [row["detail"] | {"call": ""} for row in AuditEvent.objects.order_by("id").values("detail")]
    times = [
        list(model.objects.order_by("pk").values_list("last_used_at", flat=True)) for model in (ApiKey, Connection)
    ]
    return [
        events,
        [[at is None for at in each] for each in times],
        *[
            [{name: value for name, value in row.items() if name not in NOT_COMPARED} for row in rows]
            for rows in (
                model.objects.order_by("pk").values() for model in (AuditEvent, DailyUse, WorkflowUse, WorkflowCaller)
            )
        ],
    ]


def outcome(scene: Scene, service: HttpServer, key: str, shared_with: str, change: Change, **headers: str) -> list[Any]:
    """Everything that can be observed of a call, a change, and the same call twice. It is rolled back."""
    service.received.clear()
    with transaction.atomic():
        make_usual(scene, shared_with=shared_with)
        seen = [observed(service, send(scene, key, **headers))]
        assert seen[0]["status"] == 200, seen
        with transaction.atomic():  # one of its own, since what a transaction writes has one xmin
            change(scene, scene.keys[key][0])
        seen += [observed(service, send(scene, key, **headers)) for _ in range(2)]
        result = [seen, written()]
        transaction.set_rollback(True)
    return result


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_counts_at_once_as_by_the_ordinary_path(
    scene: Scene, service: HttpServer, statement: Mock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    key, shared_with, change = CHANGES[name]
    with monkeypatch.context() as patched:
        patched.setattr(repeated_call, "is_available", lambda: False)
        ordinary = outcome(scene, service, key, shared_with, change)
    assert not statement.called
    forget(monkeypatch)
    assert outcome(scene, service, key, shared_with, change) == ordinary


@pytest.mark.parametrize(
    ("key", "shared_with"), [("own", ""), ("own", "colleague"), ("colleague", "everyone"), ("service", "everyone")]
)
@pytest.mark.parametrize("headers", [{}, WORKFLOW, {"Specway-Workflow": "wf-8"}])
def test_without_a_change_the_statement_records_as_the_ordinary_path(
    scene: Scene,
    service: HttpServer,
    statement: Mock,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    shared_with: str,
    headers: dict[str, str],
) -> None:
    def nothing(scene: Scene, key: ApiKey) -> None:
        pass

    with monkeypatch.context() as patched:
        patched.setattr(repeated_call, "is_available", lambda: False)
        ordinary = outcome(scene, service, key, shared_with, nothing, **headers)
    forget(monkeypatch)
    assert outcome(scene, service, key, shared_with, nothing, **headers) == ordinary
    assert statement.call_count == 2


def test_last_use_and_verification_do_not_make_a_call_unknown(
    scene: Scene, service: HttpServer, statement: Mock
) -> None:
    make_usual(scene)
    send(scene)
    earlier = timezone.now() - timedelta(hours=1)
    ApiKey.objects.update(last_used_at=earlier)
    Connection.objects.update(last_used_at=earlier, verified_at=earlier)
    assert send(scene).status_code == 200
    assert statement.call_count == 1
    connection = Connection.objects.get()
    assert earlier < min(ApiKey.objects.get(pk=scene.keys["own"][0].pk).last_used_at, connection.last_used_at)


def test_a_success_verifies_the_connection_again_after_a_while(
    scene: Scene, service: HttpServer, statement: Mock
) -> None:
    make_usual(scene)
    body_of(send(scene))
    earlier = timezone.now() - timedelta(hours=1)
    Connection.objects.update(verified_at=earlier)
    body_of(send(scene))
    assert statement.call_count == 1
    assert Connection.objects.get().verified_at > earlier


ANOTHER_SERVER = """
CREATE FUNCTION public.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()';
SET LOCAL search_path = public, pg_catalog;
"""


def test_after_a_failover_or_restore_nothing_is_remembered(scene: Scene, service: HttpServer, statement: Mock) -> None:
    make_usual(scene)
    for _ in range(2):
        send(scene)
    assert statement.call_count == 1
    with database.cursor() as cursor:
        cursor.execute(ANOTHER_SERVER)
    send(scene)
    assert statement.call_count == 1


@pytest.mark.parametrize("what", ["token", "key"])
def test_a_token_and_a_key_end_by_the_clock(
    scene: Scene, service: HttpServer, statement: Mock, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    make_usual(scene)
    send(scene)
    later = timezone.now() + timedelta(days=365)
    with monkeypatch.context() as patched:
        if what == "token":
            patched.setattr(repeated_call, "fresh_for", lambda _: timedelta(hours=2))
        else:
            patched.setattr(repeated_call, "timezone", SimpleNamespace(now=lambda: later))
        send(scene)
    assert not statement.called


@pytest.mark.parametrize("change", [refreshed, shares(lambda rows: rows.delete())], ids=["refresh", "unshare"])
def test_decrypted_credentials_are_used_for_their_version_only(
    scene: Scene, service: HttpServer, statement: Mock, change: Change
) -> None:
    make_usual(scene, shared_with="colleague")
    for _ in range(2):
        assert send(scene, "colleague").status_code == 200
    assert statement.call_count == 1
    service.received.clear()
    with transaction.atomic():
        change(scene, scene.keys["colleague"][0])
    send(scene, "colleague")
    sent = [call.headers["Authorization"] for call in service.received]
    assert sent in ([], ["Bearer the-token-after-a-refresh"])
    assert statement.call_count == 1


def test_credentials_are_decrypted_once_within_seconds_and_again_later(
    scene: Scene, service: HttpServer, statement: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decrypted = Mock(wraps=repeated_call.stored_credentials)
    monkeypatch.setattr(repeated_call, "stored_credentials", decrypted)
    make_usual(scene)
    for _ in range(3):
        send(scene)
    assert (statement.call_count, decrypted.call_count) == (2, 0)
    repeated_call._decrypted._entries.clear()
    for _ in range(2):
        send(scene)
    assert (statement.call_count, decrypted.call_count) == (4, 1)


def test_decrypted_credentials_of_another_version_are_not_sent(
    scene: Scene, service: HttpServer, statement: Mock
) -> None:
    make_usual(scene)
    for _ in range(2):
        send(scene)
    ((key, (until, (_, credentials))),) = repeated_call._decrypted._entries.items()
    older = replace(credentials, access=PlainCredentials({"Authorization": "Bearer older"}))
    repeated_call._decrypted._entries[key] = until, (b"older", older)  # as by a call that began before a refresh
    service.received.clear()
    assert send(scene).status_code == 200
    assert statement.call_count == 2
    assert [call.headers["Authorization"] for call in service.received] != ["Bearer older"]


def test_a_replaced_key_is_sent_at_once(kind_api: HttpServer, cast: Cast, mine: Any, statement: Mock) -> None:
    if database.vendor != "postgresql":
        pytest.skip("SQLite keeps the ordinary path.")
    from apps.vault.services import seal

    made = by_key(kind_api, cast, "keyed", account="acme", region="eu", api_key="first-key-123456")
    for _ in range(3):
        assert test_proxy.proxied(mine, made).status_code == 200
    assert statement.call_count == 1
    row = made.credential
    fields = '{"account": "acme", "region": "eu", "api_key": "second-key-123456"}'
    with transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**seal(row, fields=fields))
    assert test_proxy.proxied(mine, made).status_code == 200
    assert [call.headers["Authorization"] for call in kind_api.received] == [
        *["Token first-key-123456"] * 3, "Token second-key-123456"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [{"Specway-Scopes": "profile"}, {"Specway-Run": "x" * 201}, {"Specway-Retries": "many"}, {"Specway-Other": "1"}],
)
def test_calls_with_more_in_them_take_the_ordinary_path(
    scene: Scene, service: HttpServer, statement: Mock, headers: dict[str, str]
) -> None:
    make_usual(scene)
    send(scene)
    assert send(scene, **headers).status_code in (200, 400, 409)
    assert not statement.called


def test_methods_that_are_never_sent_are_refused(scene: Scene, service: HttpServer, statement: Mock) -> None:
    make_usual(scene)
    send(scene)
    service.received.clear()
    assert send(scene, method="TRACE", data=b"").status_code == 405
    assert not service.received


def test_a_call_beyond_the_concurrency_limit_is_refused_and_counted(
    scene: Scene, service: HttpServer, statement: Mock, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_usual(scene)
    body_of(send(scene))
    monkeypatch.setattr("apps.gateway.proxy.concurrency._MAX_WAIT", 0.0)
    settings.PROXY_STREAMS = 1
    release = CALLS_IN_FLIGHT.acquire_now({})
    assert release is not None
    try:
        assert send(scene).status_code == 503
    finally:
        release()
    assert DailyUse.objects.get().refused == 1


def test_the_rate_limit_holds_for_repeated_calls(
    scene: Scene, service: HttpServer, statement: Mock, settings: Any
) -> None:
    settings.API_RATES = {"default": 2, "token": 0, "team": 0, "failed": 0}
    make_usual(scene)
    assert [send(scene).status_code for _ in range(4)] == [200, 200, 429, 429]
    assert AuditEvent.objects.filter(action="connection.used").count() == 2


LATE_ERROR = """
CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left'; END $$;
CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON audit_auditevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_late();
"""


@pytest.mark.django_db(transaction=True)
def test_a_repeated_call_takes_one_statement_and_is_not_sent_if_the_commit_fails(
    scene: Scene, service: HttpServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_usual(scene)
    caplog.set_level(logging.INFO, logger="apps.audit")
    body_of(send(scene))
    executed = Mock(wraps=psycopg.Cursor.execute)
    monkeypatch.setattr(psycopg.Cursor, "execute", lambda *args, **options: executed(*args, **options))
    with CaptureQueriesContext(database) as queries:
        body_of(send(scene))
    assert (executed.call_count, len(queries)) == (1, 0)
    assert len(set(caplog.messages)) == 1, "the line in the log is the same for both paths"
    service.received.clear()
    with database.cursor() as cursor:
        cursor.execute(LATE_ERROR)
    try:
        refused = send(scene)
    finally:
        # Another cursor: after a request, Django closes a connection that is older than CONN_MAX_AGE.
        with database.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse_late CASCADE")
    assert refused.status_code == 500
    assert service.received == []
    assert AuditEvent.objects.filter(action="connection.used").count() == 2
    assert send(scene).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_calls_in_parallel_do_not_share_what_a_call_may_change(scene: Scene, service: HttpServer) -> None:
    make_usual(scene)
    body_of(send(scene))
    seen = list[Any]()
    original = gateway_api.send_repeated

    def spied(call: Any, known: Any) -> Any:
        seen.append(call.connection)
        return original(call, known)

    def call() -> None:
        body_of(send(scene))
        database.close()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gateway_api, "send_repeated", spied)
        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert len({id(connection) for connection in seen}) == 3
    assert len({id(connection.token_set) for connection in seen}) == 3
