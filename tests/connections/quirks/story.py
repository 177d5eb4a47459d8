"""One made-up service's whole life here, through the connection services: connect, use, refresh, use, disconnect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from apps import egress
from apps.connections.models import Connection, TokenSet
from apps.connections.services import authorize
from apps.connections.services.disconnect import Disconnected, disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.tokens import IssuedToken, issue_token
from apps.errors import SpecwayError
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.models import Integration
from apps.oauth.signing import RequestParts
from apps.teams.actor import Actor
from tests.authserver.dialect import Dialect, DialectServer
from tests.connections.quirks.files import HERE, OAUTH2, merged
from tests.connections.signed import signed_request
from tests.fixtures.connections import CALLBACK, ORIGIN, SESSION, expire
from tests.servers import Received


@dataclass
class Story:
    """What happened. The requests are the server's own notes, as they arrived."""

    server: DialectServer
    actor: Actor
    connection: Connection
    consent_url: str = field(repr=False)
    asked: dict[str, str] = field(repr=False)
    tokens: list[IssuedToken] = field(default_factory=list, repr=False)
    api_calls: list[Received] = field(default_factory=list, repr=False)
    kept: dict[str, Any] = field(default_factory=dict, repr=False)
    expires_at: list[Any] = field(default_factory=list)
    until_refresh: timedelta | None = None
    refusal: SpecwayError | None = None
    ended: Disconnected | None = None

    @property
    def exchange(self) -> Received:
        """The request that redeemed the code."""
        return self.server.calls("/token")[0]

    @property
    def refresh(self) -> Received:
        """The one that used the refresh token."""
        return self.server.calls("/token", "/refresh")[1]

    @property
    def revocations(self) -> list[Received]:
        return [request for request in self.server.received if request.path.startswith("/revoke")]


@dataclass(frozen=True)
class Case:
    """A service: its file, what it understands, what its redirect adds, and what must be in its notes afterwards."""

    name: str
    file: Mapping[str, Any]
    check: Callable[[Story], None]
    dialect: Callable[[DialectServer], Dialect]
    params: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ("read",)
    redirect: Callable[[DialectServer, dict[str, str]], dict[str, str]] = lambda server, answer: answer
    refreshes: bool = True
    dies: bool = False  # the service forgets the grant at last

    @property
    def slug(self) -> str:
        return self.name.replace("_", "-")

    @property
    def document(self) -> dict[str, Any]:
        whole = merged(OAUTH2, {"name": self.slug.title(), **self.file})
        return whole | {"params": [HERE, *self.file.get("params", [])]}


CASES: dict[str, Case] = {}


def case(
    file: Mapping[str, Any], dialect: Dialect | Callable[[DialectServer], Dialect] | None = None, **more: Any
) -> Callable[[Callable[[Story], None]], Callable[[Story], None]]:
    """Registers the check below it as that of a service with this file. `dialect` may depend on the server."""
    speaks = dialect if callable(dialect) else lambda server: dialect or Dialect()

    def registered(check: Callable[[Story], None]) -> Callable[[Story], None]:
        CASES[check.__name__] = Case(check.__name__, file, check, speaks, **more)
        return check

    return registered


def live(case: Case, server: DialectServer, actor: Actor) -> Story:
    """The whole life; what is true of every service is asserted on the way."""
    story = _connected(case, server, actor)
    _used(story)
    if case.refreshes:
        before = story.tokens[-1]
        expire(story.connection)
        _used(story)
        assert story.tokens[-1].access_token != before.access_token
        refresh_now(connection=story.connection, actor=actor)
    if case.dies:
        server.grants.families[0].revoked = True
        with pytest.raises(SpecwayError) as refused:
            refresh_now(connection=story.connection, actor=actor)
        story.refusal = refused.value
    story.ended = disconnect(actor=actor, connection=story.connection)
    assert not Connection.objects.exists()
    assert not TokenSet.objects.exists()
    return story


def _connected(case: Case, server: DialectServer, actor: Actor) -> Story:
    flow = authorize.begin(
        actor=actor,
        integration=Integration.objects.get(slug=case.slug),
        scopes=list(case.scopes),
        params=dict(case.params),
        session_key=SESSION,
        in_popup=True,
    )
    parts = urlsplit(flow.url)
    page, _, in_fragment = parts.fragment.partition("?")
    asked = dict(parse_qsl(in_fragment if page.startswith("/") else parts.query, keep_blank_values=True))
    names = server.dialect.names
    code = server.grants_code(
        challenge=asked.get("code_challenge", ""), redirect_uri=asked[names.get("redirect_uri", "redirect_uri")]
    )
    answer = case.redirect(server, {"code": code, "state": asked[names.get("state", "state")]})
    attempt = authorize.complete(
        path=CALLBACK, query_string=urlencode(answer), user=actor.user, session_key=SESSION, origin=ORIGIN
    )
    assert attempt.connection is not None
    return Story(server, actor, attempt.connection, flow.url, asked)


def _used(story: Story) -> None:
    """Hand out the token, and call the API with what the signing service adds: the service lets it in."""
    connection = Connection.objects.get(pk=story.connection.pk)
    token = issue_token(connection=connection, actor=story.actor)
    row = TokenSet.objects.select_related("team").get(connection=connection)
    story.kept = row.kept_secrets.reveal_json() if row.kept_secrets else {}
    story.tokens.append(token)
    story.expires_at.append((row.expires_at - row.obtained_at).total_seconds() if row.expires_at else None)
    story.until_refresh = row.next_refresh_at - row.obtained_at if row.next_refresh_at else None
    provider = provider_config(connection.integration, oauth_app=connection.oauth_app, params=connection.params)
    parts = signed_request(connection, RequestParts("GET", f"{provider.api_base_url}/things?page=2"))
    with egress.session(deadline=5) as session:
        assert session.get(parts.url, headers=dict(parts.headers)).json() == {"welcome": True}
    call = story.server.received[-1]
    assert story.server.live_token_in(call) == story.server.dialect.inner(token.access_token)
    story.api_calls.append(call)
