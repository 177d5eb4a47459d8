"""A stored token read in one statement of PostgreSQL: the same answers and records as by the ordinary path."""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
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

from apps.audit.models import AuditEvent
from apps.connections import metrics
from apps.connections.errors import ServiceUnavailable
from apps.connections.models import Connection, DailyUse, WorkflowCaller, WorkflowUse
from apps.connections.services import refresh as refreshing
from apps.connections.services import stored_token
from apps.teams import throttling
from apps.teams.call_counter import CallCounter
from apps.teams.models import ApiKey
from tests.connections.token_cases import Case, Scene, changed_cases, make_scene, random_case, usual_cases

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_minute")]
SEEDS = range(3)
CASES_PER_SEED = 30
NOT_COMPARED = ("id", "occurred_at", "last_used_at", "use_id")


class Reader:
    """Reads tokens through one path or the other. `by_statement` counts what the statement returned."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.by_statement = 0

    def read(self, scene: Scene, case: Case, *, in_one_statement: bool) -> dict[str, Any]:
        """Everything that can be observed of a read in this situation. It is rolled back."""
        self._monkeypatch.setattr(stored_token, "is_available", lambda: in_one_statement)
        self._monkeypatch.setattr(throttling, "_counter", CallCounter())
        cache.clear()
        with transaction.atomic():
            case.apply(scene)
            last_event = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
            before, handed_out = _times(), _handed_out()
            began = timezone.now()
            response = send(scene, case)
            seen = {
                "status": response.status_code,
                "headers": {name: value for name, value in response.headers.items() if name != "RateLimit"},
                "rate limit": response.headers.get("RateLimit", "").partition(";t=")[0],
                "body": _body(response, began),
                "events": _rows(AuditEvent, id__gt=last_event),
                "use": [_rows(model) for model in (DailyUse, WorkflowUse, WorkflowCaller)],
                "written times": [a == b for a, b in zip(before, _times(), strict=True)],
                "metric": _handed_out() - handed_out,
            }
            transaction.set_rollback(True)
        return seen

    def spy(self, original: Any) -> Any:
        def spied(**values: Any) -> Any:
            token = original(**values)
            self.by_statement += token is not None
            return token

        return spied


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Reader]:
    if database.vendor != "postgresql":
        pytest.skip("SQLite keeps the ordinary path.")
    made = Reader(monkeypatch)
    monkeypatch.setattr(stored_token, "stored_token", made.spy(stored_token.stored_token))

    def unavailable(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable("Not now.", retry_after=1)

    monkeypatch.setattr(refreshing, "attempt_refresh", unavailable)
    settings.API_RATES = {"default": 600, "token": 300, "team": 6000, "failed": 0}
    yield made
    cache.clear()


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


def send(scene: Scene, case: Case) -> Any:
    path = f"/api/v1/connections/{scene.connection.pk}/token/"
    headers = {"Authorization": f"Bearer {scene.keys[case.key][1]}", "User-Agent": "tests/1.0", **case.headers}
    client = Client(raise_request_exception=False)
    if case.body is None:
        return client.post(path, headers=headers, content_type="application/json", data=b"")
    return client.generic("POST", path, case.body, "application/json", headers=headers)


def _body(response: Any, began: datetime) -> Any:
    """The names of the members in their order, and their values but for times, which are checked."""
    body = response.json()
    if response.status_code == 200 and body["ttl"] is not None:
        expires_at, ttl = datetime.fromisoformat(body["expires_at"]), timedelta(seconds=body["ttl"])
        assert expires_at - timezone.now() - timedelta(seconds=1) <= ttl <= expires_at - began
        assert body["expires_at"].endswith("Z")
    return [list(body), {name: value for name, value in body.items() if name not in ("ttl", "expires_at")}]


def _rows(model: Any, **filters: Any) -> list[dict[str, Any]]:
    rows = model.objects.filter(**filters).order_by("pk").values()
    return [{name: value for name, value in row.items() if name not in NOT_COMPARED} for row in rows]


def _times() -> list[Any]:
    return [list(model.objects.order_by("pk").values_list("last_used_at", flat=True)) for model in (ApiKey, Connection)]


def _handed_out() -> float:
    samples = [sample for family in metrics.HANDED_OUT.collect() for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name.endswith("_total"))


@pytest.mark.parametrize("number", range(len(usual_cases())))
def test_the_usual_cases_are_answered_by_the_statement_as_by_the_ordinary_path(
    reader: Reader, scene: Scene, number: int
) -> None:
    case = usual_cases()[number]
    ordinary = reader.read(scene, case, in_one_statement=False)
    assert ordinary["status"] == 200, ordinary
    assert reader.by_statement == 0
    assert reader.read(scene, case, in_one_statement=True) == ordinary
    assert reader.by_statement == 1
    assert len(ordinary["events"]) == 1


@pytest.mark.parametrize("key", ["own", "service", "foreign service"])
def test_each_single_change_has_the_same_answer_and_records_by_both_paths(
    reader: Reader, scene: Scene, key: str
) -> None:
    for case in changed_cases(key):
        ordinary = reader.read(scene, case, in_one_statement=False)
        assert reader.read(scene, case, in_one_statement=True) == ordinary, case


@pytest.mark.parametrize("seed", SEEDS)
def test_random_cases_have_the_same_answer_and_records_by_both_paths(reader: Reader, scene: Scene, seed: int) -> None:
    random, statuses = Random(seed), Counter[int]()
    for _ in range(CASES_PER_SEED):
        case = random_case(random)
        ordinary = reader.read(scene, case, in_one_statement=False)
        assert reader.read(scene, case, in_one_statement=True) == ordinary, case
        statuses[ordinary["status"]] += 1
    assert reader.by_statement >= 3
    assert len(statuses) >= 3, statuses


LATE_ERROR = """
CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left'; END $$;
CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON audit_auditevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_late();
"""


@pytest.mark.django_db(transaction=True)
def test_a_known_key_reads_a_fresh_token_in_one_statement_and_none_if_the_commit_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if database.vendor != "postgresql":
        pytest.skip("SQLite keeps the ordinary path.")
    scene, case = make_scene(), Case()
    case.apply(scene)
    caplog.set_level(logging.INFO, logger="apps")
    began = timezone.now()
    _, known = send(scene, case), send(scene, case)
    executed = Mock(wraps=psycopg.Cursor.execute)
    monkeypatch.setattr(psycopg.Cursor, "execute", lambda *args, **options: executed(*args, **options))
    with CaptureQueriesContext(database) as queries:
        response = send(scene, case)
    assert (executed.call_count, len(queries)) == (1, 0)
    assert _body(response, began) == _body(known, began)
    assert AuditEvent.objects.filter(action="token.handed_out").count() == 3
    assert len(set(caplog.messages)) == 1, "the line in the log is the same for both paths"
    token = response.json()["access_token"]
    with database.cursor() as cursor:
        cursor.execute(LATE_ERROR)
        try:
            refused = send(scene, case)
        finally:
            cursor.execute("DROP FUNCTION refuse_late CASCADE")
    assert refused.status_code == 500
    assert token not in refused.content.decode()
    assert AuditEvent.objects.filter(action="token.handed_out").count() == 3
    assert send(scene, case).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_call_beyond_the_rate_limit_is_refused_before_anything_is_recorded(settings: Any) -> None:
    settings.API_RATES = {"default": 0, "token": 2, "team": 0, "failed": 0}
    cache.clear()
    scene, case = make_scene(), Case()
    case.apply(scene)
    responses = [send(scene, case) for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 429, 429]
    assert [response.headers["RateLimit"].partition(";t=")[0] for response in responses[:2]] == [
        '"token";r=1',
        '"token";r=0',
    ]
    assert AuditEvent.objects.filter(action="token.handed_out").count() == 2
