"""A service that refuses to refresh a token before its last 30 seconds, as Exact Online does: six connections of one
OAuth app, by the scheduler's own plan, over real sockets. Time passes by moving the stored times back."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db.models import F, Min

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, TokenSet
from apps.connections.services import connection_params, schedule
from apps.connections.services.tokens import issue_token
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.models import Integration
from apps.oauth.conditions import ErrorRule
from apps.oauth.provider import ProviderConfig
from apps.sql import Now
from tests.authserver import AuthServer
from tests.authserver.faults import Answer, Behavior, Genuine
from tests.connections.custom import Walker, describe
from tests.fixtures.connections import Cast, ConnectFlow, access_token, oauth_app

pytestmark = pytest.mark.django_db

EARLY = {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"}
MOMENTS = (
    "obtained_at", "expires_at", "sent_at", "next_refresh_at", "not_before", "last_failure_at", "refused_since",
    "lease_until", "dispatched_until",
)  # fmt: skip
# More than the scheduler may need: it would be a loop.
MOST_RUNS = 400


@pytest.fixture(autouse=True)
def the_same_jitter_in_each_run() -> None:
    """How often a connection tries in vain depends on it."""
    random.seed(1)


@dataclass
class Clock:
    """Seconds since its start. `advance` lets the stored times pass, so that nothing waits."""

    passed: float = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> float:
        return self.passed + time.monotonic() - self.started

    def advance(self, seconds: float) -> None:
        self.passed += seconds
        TokenSet.objects.update(**{name: F(name) - timedelta(seconds=seconds) for name in MOMENTS})


@dataclass
class Window:
    """The server's side: tokens live `life` seconds and are refreshed in their last 30 only."""

    server: AuthServer
    clock: Clock
    life: int
    refused: list[float] = field(default_factory=list)
    refreshed: list[float] = field(default_factory=list)

    def opens(self) -> None:
        """From now on, token calls are refreshes."""
        self.server.script(*[Behavior(self._decide)] * MOST_RUNS)

    def _decide(self, genuine: Genuine) -> Answer:
        is_early = self.clock.now < self.life - 30
        (self.refused if is_early else self.refreshed).append(self.clock.now)
        return Answer.json(400, EARLY) if is_early else genuine()


def run_until(clock: Clock, end: float) -> None:
    """The scheduler's runs until second `end`, each when something is due; after each, all connections are green."""
    for _ in range(MOST_RUNS):
        due: datetime | None = TokenSet.objects.aggregate(due=Min("next_refresh_at"))["due"]
        now: datetime = TokenSet.objects.values_list(Now(), flat=True)[0]
        wait = max((due - now).total_seconds(), 0) + 0.01 if due else end
        if clock.now + wait > end:
            clock.advance(end - clock.now)
            return
        clock.advance(wait)
        schedule.refresh_batch(schedule.claim_due())
        assert set(Connection.objects.values_list("status", flat=True)) == {"active"}
    pytest.fail("The scheduler does not come to rest.")


def has_facts(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    """Let the sandbox's data have these."""

    def changed(*args: Any, **named: Any) -> ProviderConfig:
        return replace(provider_config(*args, **named), **facts)

    monkeypatch.setattr(connection_params, "provider_config", changed)


def six(connect: Callable[[str], Connection]) -> list[Connection]:
    return [connect(f"person-{number}") for number in range(6)]


def all_have_valid_tokens(made: list[Connection], server: AuthServer, cast: Cast) -> None:
    """From what is stored: no reader has to refresh first."""
    calls = len(server.arrivals)
    for connection in made:
        assert issue_token(connection=connection, actor=cast.actor("member")).access_token == access_token(connection)
        assert server.knows(access_token(connection))
    assert len(server.arrivals) == calls
    assert list(TokenSet.objects.values_list("version", flat=True)) == [2] * 6
    app = oauth_app()
    assert (app.circuit_failures, app.circuit_open_until, app.broken_since) == (0, None, None)
    assert not AuditEvent.objects.filter(action__in=["connection.needs_attention", "oauth_app.broken"]).exists()


@pytest.mark.parametrize("rules", [(), (ErrorRule("too_early", description="access_token not expired"),)])
def test_each_has_a_valid_token_at_the_end_of_the_first(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch, rules: Any
) -> None:
    """Whether the refusal is understood or not, where the catalog does not know the window."""
    has_facts(monkeypatch, error_rules=rules)
    server.expires_in, clock = 300, Clock()
    window = Window(server, clock, life=300)
    made = six(lambda person: connect_flow.connect(cast.actor("member"), subject=person))
    window.opens()
    run_until(clock, 301)
    all_have_valid_tokens(made, server, cast)
    assert window.refused, "the scheduler's usual time is too early"
    assert len(window.refused) <= 6 * 4
    assert len(window.refreshed) == 6


def test_a_custom_api_whose_first_refresh_is_refused_has_one_too(server: AuthServer, cast: Cast) -> None:
    server.expires_in, clock, people = 300, Clock(), [f"person-{number}" for number in range(6)]
    window = Window(server, clock, life=300)
    secret = {"client_id": server.client_id, "client_secret": server.client_secret}
    endpoints = {"token_url": f"{server.url}/o/token/", "revocation_url": f"{server.url}/o/revoke_token/"}
    api = describe(cast.actor("admin"), origin=server.url, **secret, **endpoints)

    def consent(url: str) -> str:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = server.code_for(
            challenge=asked["code_challenge"],
            scopes=asked["scope"].split(),
            redirect_uri=asked["redirect_uri"],
            subject=people.pop(),
        )
        return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], 'code': code})}"

    walker = Walker(api, cast.actor("member"), consent)
    made = six(lambda person: walker.connect())
    window.opens()
    run_until(clock, 301)
    all_have_valid_tokens(made, server, cast)
    assert min(window.refused) < 30, "the first refresh comes at once"


def test_with_the_data_of_exact_online_none_is_refused(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = provider_config(Integration(slug="exact-online"), oauth_app=None, params={"tld": "nl"})
    assert (exact.default_expires_in, exact.earliest_refresh) == (600, 570)
    facts = ("earliest_refresh", "refresh_margin", "error_rules", "rotation")
    has_facts(monkeypatch, **{name: getattr(exact, name) for name in facts})
    server.expires_in, clock = 600, Clock()
    window = Window(server, clock, life=600)
    made = six(lambda person: connect_flow.connect(cast.actor("member"), subject=person))
    window.opens()
    run_until(clock, 601)
    all_have_valid_tokens(made, server, cast)
    assert window.refused == []
    assert all(570 <= at < 600 for at in window.refreshed)
