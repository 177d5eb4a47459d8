"""Whatever happens to a connection in whatever order, some things hold. Hypothesis looks for an order that breaks them.

In one process: a crash is an exception at a fault point, which leaves lease and mark behind as a dead process does.
"""

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.connections.models import Connection, TokenSet
from apps.connections.services import connection_params, refresh, schedule
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import load, refresh_now
from apps.connections.services.tokens import issue_token
from apps.errors import SpecwayError
from apps.integrations.models import OAuthApp
from apps.sql import Now
from tests.authserver import AuthServer, Behavior, answers, refuses, reset, truncated
from tests.faults.conftest import rows_of
from tests.fixtures.connections import (
    Cast,
    ConnectFlow,
    expire,
    let_lease_run_out,
    make_due,
    refresh_token,
    tokens_of,
)

# What a service can do to a refresh, and whether it used up the refresh token although no tokens came back.
FAILURES: dict[str, tuple[Behavior, bool]] = {
    "busy": (answers(503), False),
    "down": (answers(500), False),
    "done, but says it failed": (answers(500, processed=True), True),
    "reset after the work": (reset(), True),
    "cut off in the middle": (truncated(), True),
    "grant refused": (refuses("invalid_grant"), False),
}


class Died(BaseException):
    """The process is gone."""


@dataclass
class World:
    server: AuthServer
    connect_flow: ConnectFlow
    cast: Cast
    crash_at: str = ""
    # How often a refresh token was used up without our hearing of it.
    doubts: Counter[str] = field(default_factory=Counter)


world: World


def crash(name: str) -> None:
    """The fault points lead here."""
    if name == world.crash_at:
        world.crash_at = ""
        raise Died


class Refreshing(RuleBasedStateMachine):
    connection: Connection | None = None
    version = 0

    @property
    def actor(self) -> Any:
        return world.cast.actor("member")

    @property
    def connected(self) -> Connection:
        assert self.connection is not None
        return self.connection

    @initialize(rotation=st.sampled_from(["none", "grace", "strict"]))
    def begin(self, rotation: Any) -> None:
        world.server.rotation = rotation
        self.connect()

    @precondition(lambda self: self.connection is None)
    @rule()
    def connect(self) -> None:
        world.server._script.clear()
        self.connection, self.version = world.connect_flow.connect(self.actor), 1

    @precondition(lambda self: self.connection)
    @rule()
    def reconnect(self) -> None:
        world.server._script.clear()
        flow = world.connect_flow.begin(self.actor, connection=self.connection)
        world.connect_flow.complete(flow, world.connect_flow.answer(flow), actor=self.actor)
        assert self.status()[0] == "active"

    @precondition(lambda self: self.connection)
    @rule()
    def disconnect(self) -> None:
        disconnect(actor=self.actor, connection=self.connected)
        self.connection = None

    @precondition(lambda self: self.connection)
    @rule()
    def read(self) -> None:
        expects, token = self.doubts_before(), None
        with suppress(SpecwayError):
            token = issue_token(connection=self.connected, actor=self.actor)
        self.note_doubts(expects)
        if token:
            row = load(self.connected.pk)
            assert row.expires_at is not None
            assert row.expires_at > row.db_now, "an expired token was handed out"
            assert token.version == row.version
            assert any(token.access_token in family.access_tokens for family in world.server.grants.families)

    @precondition(lambda self: self.connection)
    @rule()
    def refresh_what_is_due(self) -> None:
        expects = self.doubts_before()
        schedule.refresh_batch(schedule.claim_due())
        self.note_doubts(expects)

    @precondition(lambda self: self.connection)
    @rule()
    def refresh_because_asked(self) -> None:
        expects = self.doubts_before()
        with suppress(SpecwayError):
            refresh_now(connection=self.connected, actor=self.actor)
        self.note_doubts(expects)

    @precondition(lambda self: self.connection)
    @rule(point=st.sampled_from(["before_send", "after_answer", "before_commit"]))
    def crash(self, point: str) -> None:
        row, expects = tokens_of(self.connected), self.doubts_before()
        world.crash_at = point
        try:
            schedule.refresh_batch([(row.pk, row.version)])
        except Died:
            if point != "before_send":
                world.doubts[expects[0]] += 1
        finally:
            world.crash_at = ""
        self.note_doubts(expects)

    @rule(kind=st.sampled_from(sorted(FAILURES)))
    def service_fails(self, kind: str) -> None:
        if not world.server._script:
            world.server.script(FAILURES[kind][0])

    @precondition(lambda self: self.connection)
    @rule(ago=st.sampled_from([-1800, -30, 5]))
    def time_passes(self, ago: int) -> None:
        expire(self.connected, ago=ago)
        make_due(self.connected)

    @precondition(lambda self: self.connection)
    @rule()
    def leases_run_out(self) -> None:
        let_lease_run_out(self.connected)
        TokenSet.objects.filter(connection=self.connected).update(dispatched_until=Now() - timedelta(seconds=1))

    @precondition(lambda self: self.connection)
    @rule()
    def each_connection_recovers_or_needs_a_person_for_a_reason(self) -> None:
        world.server._script.clear()
        OAuthApp.objects.update(circuit_open_until=None, circuit_failures=0)
        self.leases_run_out()
        before, doubted = tokens_of(self.connected), world.doubts[refresh_token(self.connected)]
        if self.status()[0] == "active":
            self.time_passes(5)
            self.refresh_what_is_due()
            after = tokens_of(self.connected)
            assert after.version == before.version + 1 or doubted, "nothing stood in the way of this refresh"
        if self.status()[1] == "outcome_unknown":
            assert doubted or before.unresolved_sends, "red, although every answer was received"

    def doubts_before(self) -> tuple[str, int, list[Behavior]]:
        """The refresh token that would be sent, and how many calls stand before the next failure."""
        return refresh_token(self.connected), len(world.server.arrivals), list(world.server._script)

    def note_doubts(self, expected: tuple[str, int, list[Behavior]]) -> None:
        token, arrivals, script = expected
        used_up = any(behavior is failure and lost for behavior in script for failure, lost in FAILURES.values())
        if len(world.server.arrivals) > arrivals and used_up:
            world.doubts[token] += 1

    def status(self) -> tuple[str, str]:
        self.connected.refresh_from_db()
        return self.connected.status, self.connected.status_reason

    @invariant()
    def each_refresh_token_is_used_once_but_for_the_retry_of_an_unknown_outcome(self) -> None:
        if world.server.rotation == "none":
            return
        uses = Counter(call.refresh_token for call in world.server.journal.refreshes)
        for token, count in uses.items():
            assert count <= 1 + world.doubts[token], f"used {count} times, with {world.doubts[token]} doubts"
        for call in world.server.journal.refreshes:
            assert not call.family_revoked or world.doubts[call.refresh_token]

    @invariant()
    def the_version_only_grows(self) -> None:
        if self.connection is not None:
            version = tokens_of(self.connection).version
            assert version >= self.version
            self.version = version

    def teardown(self) -> None:
        given = [t for f in world.server.grants.families for t in (f.refresh_token, *f.used, *f.access_tokens)]
        stored = "".join(str(row) for table in TABLES for row in rows_of(table))
        assert not [token for token in given if token in stored], "a plaintext token is stored"
        Connection.objects.all().delete()
        OAuthApp.objects.update(circuit_open_until=None, circuit_failures=0)
        world.server._script.clear()
        world.server.grants.families.clear()
        world.server.journal._calls.clear()
        world.doubts.clear()


TABLES = ("connections_connection", "connections_tokenset", "connections_authorizationattempt", "audit_auditevent")


@pytest.mark.django_db
def test_what_always_holds(
    server: AuthServer, connect_flow: ConnectFlow, cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    global world
    world = World(server, connect_flow, cast)
    settings.FAULT_POINTS = f"{__name__}.crash"
    # No other process is left to wait for: the holder of a lease is dead.
    monkeypatch.setattr(refresh, "READER_WAIT", timedelta(0))
    facts = connection_params.provider_config
    monkeypatch.setattr(
        connection_params, "provider_config", lambda *a, **k: replace(facts(*a, **k), rotation=world.server.rotation)
    )
    run_state_machine_as_test(Refreshing, settings=PROFILE)


# In CI always the same examples: what fails there fails on every machine.
PROFILE = settings(
    max_examples=15,
    stateful_step_count=20,
    derandomize=bool(os.environ.get("CI")),
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
