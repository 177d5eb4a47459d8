"""What the tests of connections share: an authorization server, the people of a team, and a connection of theirs."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import connections as databases
from django.db.models.functions import Now

from apps import egress
from apps.audit.models import AuditEvent
from apps.audit.origin import Origin
from apps.connections.models import AuthorizationAttempt, Connection, TokenSet
from apps.connections.services import authorize, provider
from apps.connections.services.authorize import Trip
from apps.connections.services.use import fresh_token
from apps.egress import destination
from apps.integrations import catalogue
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.services import ensure_oauth_app, load_catalogue
from apps.teams.actor import Actor
from apps.teams.models import Membership, Role, Team
from tests import factories
from tests.authserver import AuthServer, auth_server
from tests.connections.kinds import write_catalogue

ORIGIN = Origin(kind="user", id="", label="Somebody")
SYSTEM = Origin(kind="system", id="", label="Specway")
SCOPES = ["messages:read", "profile"]
SESSION = "session-of-the-owner"
CALLBACK = "/oauth/callback"


@pytest.fixture
def mara() -> Membership:
    """Whose the connections are, in tests of what her colleague may do with them."""
    return factories.make_member(user=factories.make_user("Mara Lindqvist"))


@pytest.fixture
def ines(mara: Membership) -> Membership:
    return factories.make_member(mara.team, user=factories.make_user("Ines Achterberg"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[AuthServer]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    with auth_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[urlsplit(running.url).netloc])
        yield running


@pytest.fixture
def kinds(db: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue of made-up services, one of each kind beside OAuth 2.0 with consent."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    write_catalogue(folder)
    monkeypatch.setattr(catalogue, "CATALOGUE_DIR", folder)
    catalogue.catalogue.cache_clear()
    load_catalogue()
    yield
    catalogue.catalogue.cache_clear()


@dataclass
class Cast:
    """An owner, an admin and a member of one team, and a stranger in another."""

    team: Team
    owner: Membership
    admin: Membership
    member: Membership
    stranger: Membership

    def actor(self, who: str) -> Actor:
        membership: Membership = getattr(self, who)
        return factories.actor_for(membership)


@pytest.fixture
def cast(db: None) -> Cast:
    team = factories.make_team()
    return Cast(
        team=team,
        owner=factories.make_member(team, Role.OWNER, user=factories.make_user("Olga Owner")),
        admin=factories.make_member(team, Role.ADMIN, user=factories.make_user("Ada Admin")),
        member=factories.make_member(team, Role.MEMBER, user=factories.make_user("Mara Member")),
        stranger=factories.make_member(factories.make_team("Elsewhere"), Role.OWNER),
    )


@pytest.fixture
def integration(server: AuthServer, db: None) -> Integration:
    row = Integration.objects.create(slug="sandbox", name="Sandbox", category="developer-tools")
    ensure_oauth_app(
        integration_slug="sandbox",
        client_id=server.client_id,
        client_secret=server.client_secret,
        params={"origin": server.url},
    )
    return row


@dataclass
class Traveller:
    """Somebody who connects the sandbox, by the services alone."""

    server: AuthServer
    integration: Integration

    def begin(
        self,
        actor: Actor,
        *,
        scopes: list[str] | None = None,
        connection: Connection | None = None,
        session_key: str = SESSION,
    ) -> Trip:
        return authorize.begin(
            actor=actor,
            integration=self.integration,
            scopes=SCOPES if scopes is None else scopes,
            params={},
            session_key=session_key,
            in_popup=True,
            connection=connection,
        )

    def answer(self, trip: Trip, *, subject: str = "ada", scopes: list[str] | None = None) -> dict[str, str]:
        """What the service's redirect carries after the person's consent."""
        asked = asked_of(trip)
        code = self.server.code_for(
            challenge=asked["code_challenge"],
            scopes=asked["scope"].split() if scopes is None else scopes,
            redirect_uri=asked["redirect_uri"],
            subject=subject,
        )
        return {"state": asked["state"], "code": code, "iss": self.server.url}

    def complete(
        self,
        trip: Trip,
        answer: dict[str, str] | str,
        *,
        actor: Actor,
        path: str = CALLBACK,
        session_key: str = SESSION,
    ) -> AuthorizationAttempt:
        return authorize.complete(
            path=path,
            query_string=answer if isinstance(answer, str) else urlencode(answer),
            user=actor.user,
            session_key=session_key,
            origin=ORIGIN,
        )

    def connect(self, actor: Actor, *, subject: str = "ada", scopes: list[str] | None = None) -> Connection:
        trip = self.begin(actor, scopes=scopes)
        attempt = self.complete(trip, self.answer(trip, subject=subject), actor=actor)
        assert attempt.connection is not None
        return attempt.connection


def asked_of(trip: Trip) -> dict[str, str]:
    """The parameters of the authorization URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(trip.url).query).items()}


@pytest.fixture
def traveller(server: AuthServer, integration: Integration) -> Traveller:
    return Traveller(server, integration)


@pytest.fixture
def connection(traveller: Traveller, cast: Cast) -> Connection:
    """The member's own connection, just made."""
    return traveller.connect(cast.actor("member"))


def tokens_of(connection: Connection) -> TokenSet:
    return TokenSet.objects.get(connection=connection)


def access_token(connection: Connection) -> str:
    sealed = tokens_of(connection).access_token
    assert sealed is not None
    return sealed.reveal()


def refresh_token(connection: Connection) -> str:
    sealed = tokens_of(connection).refresh_token
    assert sealed is not None
    return sealed.reveal()


def expire(connection: Connection, *, ago: float = 5, life: float = 3600) -> None:
    """Set the clock of the token: it ended `ago` seconds ago (negative: will end), after `life` seconds."""
    TokenSet.objects.filter(connection=connection).update(
        obtained_at=Now() - timedelta(seconds=ago + life), expires_at=Now() - timedelta(seconds=ago)
    )


def let_lease_run_out(connection: Connection) -> None:
    TokenSet.objects.filter(connection=connection).update(lease_until=Now() - timedelta(seconds=1))


def make_due(connection: Connection) -> None:
    """As if the waiting time after a failure were over."""
    TokenSet.objects.filter(connection=connection).update(next_refresh_at=Now() - timedelta(seconds=1))


def actions(*names: str) -> list[str]:
    """The audit log's actions, oldest first; only those named, if any are."""
    events = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    return [action for action in events if not names or action in names]


def oauth_app() -> OAuthApp:
    return OAuthApp.objects.get()


@dataclass
class Result:
    value: Any = None
    error: BaseException | None = None


def side_by_side(*calls: Callable[[], Any], meet: bool = True) -> list[Result]:
    """Run each call in a thread with database connections of its own; what each gave or raised, in order."""
    barrier = threading.Barrier(len(calls))
    results = [Result() for _ in calls]

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            if meet:
                barrier.wait(20)
            results[index].value = call()
        except BaseException as error:
            results[index].error = error
        finally:
            databases.close_all()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a call never came back"
    return results


class Meanwhile:
    """A call that goes on in a thread, until `result()`."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._result = Result()
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self._result.value = call()
        except BaseException as error:
            self._result.error = error
        finally:
            databases.close_all()

    def result(self) -> Result:
        self._thread.join(60)
        assert not self._thread.is_alive(), "the call never came back"
        return self._result


def token_for(connection: Connection, cast: Cast, **wanted: Any) -> str:
    return fresh_token(connection=connection, actor=cast.actor("member"), **wanted).access_token


def rotate(monkeypatch: pytest.MonkeyPatch, server: AuthServer, rotation: Any) -> None:
    """The server's rotation, and the catalogue's word for it."""
    server.rotation = rotation
    original = provider.provider_config
    monkeypatch.setattr(provider, "provider_config", lambda *a, **k: replace(original(*a, **k), rotation=rotation))
