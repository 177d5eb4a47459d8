"""Refreshes that are due at once use all of a worker's threads, and a silent service holds up only its own."""

import json
import threading
from typing import Any

from apps.connections.models import Connection, TokenSet
from apps.integrations.models import OAuthApp
from apps.sql import Now
from tests.authserver.faults import Answer, Behavior, Genuine, answers
from tests.connections.rows import make_connection
from tests.factories import make_member
from tests.faults.conftest import Scene
from tests.faults.processes import wait_until
from tests.faults.test_queue import WORKER, beat, on_one_database
from tests.servers import http_server, raw_server

THREADS = 48
DUE = 200
ISSUED = json.dumps({"access_token": "new", "token_type": "Bearer", "expires_in": 3600}).encode()


def worker_of(threads: int) -> list[str]:
    return [str(threads) if word == "4" else word for word in WORKER]


class Silence:
    """A token endpoint that answers nothing until the end. It counts the calls: those that wait, and all."""

    def __init__(self) -> None:
        self.over, self._lock = threading.Event(), threading.Lock()
        self.waiting = self.most = self.received = 0

    def decide(self, genuine: Genuine) -> Answer:
        with self._lock:
            self.waiting += 1
            self.received += 1
            self.most = max(self.most, self.waiting)
        self.over.wait(120)
        with self._lock:
            self.waiting -= 1
        return Answer(503, b"{}", {"Content-Type": "application/json", "Retry-After": "60"})


def make_due_rows(connection: Connection, count: int) -> None:
    """Copies of the connection, with refresh tokens that the service does not know."""
    membership = connection.team.memberships.get(user=connection.owner)
    first = make_connection(connection.integration, membership, oauth_app=connection.oauth_app)
    tokens = TokenSet.objects.get(connection=first)
    rows = [Connection(**fields_of(first)) for _ in range(count - 1)]
    Connection.objects.bulk_create(rows)
    given = {"access_token": "at", "refresh_token": "rt", "client_key": tokens.client_key}
    moments = {name: getattr(tokens, name) for name in ("obtained_at", "expires_at", "next_refresh_at")}
    TokenSet.objects.bulk_create([TokenSet(connection=row, team=first.team, **given, **moments) for row in rows])


def fields_of(connection: Connection) -> dict[str, Any]:
    names = ("team", "integration", "oauth_app", "owner", "name", "status_changed_at", "created_at")
    return {name: getattr(connection, name) for name in names}


@on_one_database
def test_two_hundred_due_refreshes_keep_all_threads_of_a_worker_busy(scene: Scene) -> None:
    TokenSet.objects.update(next_refresh_at=None)
    make_due_rows(scene.connection, DUE)
    silence = Silence()
    scene.server.script(*[Behavior(silence.decide)] * DUE)
    worker = scene.crew.start(*worker_of(THREADS), times={"CALL_DEADLINE": 60, "LEASE": 90, "CLAIM_TO_SEND": 20})
    beat(scene)
    try:
        wait_until(lambda: silence.waiting == THREADS, what=f"{THREADS} calls in flight", seconds=60)
    except AssertionError:
        raise AssertionError(f"at most {silence.most} at once\n{worker.log[-3000:]}") from None
    finally:
        silence.over.set()
    assert worker.process.poll() is None


@on_one_database
def test_a_silent_service_does_not_delay_the_refreshes_of_another_app(scene: Scene) -> None:
    scene.rotate("strict")
    integration, owner = scene.connection.integration, make_member()
    with raw_server(lambda _, over: over.wait(120)) as port:
        origin = f"127.0.0.1:{port}"
        params = {"origin": f"http://{origin}"}
        slow = OAuthApp.objects.create(integration=integration, team=owner.team, client_id="slow", params=params)
        scene.crew.env["EGRESS_ALLOWED_HOSTS"] += f",{origin}"
        for _ in range(40):  # due for longer than the other one
            make_connection(integration, owner, oauth_app=slow)
        scene.expire()
        scene.crew.start(*worker_of(20))
        beat(scene)
        wait_until(lambda: scene.row.version == 2, what="the refresh of the other app", seconds=60)
    assert set(TokenSet.objects.filter(connection__oauth_app=slow).values_list("version", flat=True)) == {1}


@on_one_database
def test_a_service_that_falls_silent_in_a_storm_delays_another_app_by_one_deadline_only(scene: Scene) -> None:
    """Its calls take all threads, and the queue holds many more of its refreshes; those are not sent any more."""
    threads, due, answered = 20, 500, 200
    TokenSet.objects.update(next_refresh_at=None)
    make_due_rows(scene.connection, due)
    integration, owner, silence = scene.connection.integration, make_member(), Silence()
    scene.server.script(*[answers(200, ISSUED)] * answered, *[Behavior(silence.decide)] * (due - answered))
    with http_server() as responsive:
        responsive.will_answer(200, ISSUED)
        scene.crew.env["EGRESS_ALLOWED_HOSTS"] += f",127.0.0.1:{responsive.port}"
        app = OAuthApp.objects.create(
            integration=integration, team=owner.team, client_id="responsive", params={"origin": responsive.url}
        )
        other = TokenSet.objects.get(connection=make_connection(integration, owner, oauth_app=app))
        TokenSet.objects.filter(pk=other.pk).update(next_refresh_at=None)
        scene.crew.start(*worker_of(threads), times={"CALL_DEADLINE": 3, "LEASE": 30, "CLAIM_TO_SEND": 20})
        beat(scene)
        wait_until(lambda: silence.waiting == threads, what="silence in all threads", seconds=60)
        assert TokenSet.objects.filter(dispatched_until__gt=Now()).count() > 2 * threads
        TokenSet.objects.filter(pk=other.pk).update(next_refresh_at=Now())
        is_refreshed = TokenSet.objects.filter(pk=other.pk, version=other.version + 1).exists
        wait_until(is_refreshed, what="the refresh of the other app", seconds=60)
        assert silence.received < 2 * threads
        silence.over.set()
