"""OAuth 1.0a over real sockets, judged by oauthlib's server side: the flow, the signature, and what is not accepted."""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from apps import egress
from apps.audit.models import AuditEvent
from apps.connections.errors import (
    AccessDeclined,
    AttemptError,
    CallbackRejected,
    ExchangeFailed,
    ServiceUnavailable,
    WrongKind,
)
from apps.connections.models import AuthorizationAttempt, Connection, TokenSet
from apps.connections.services import authorize
from apps.connections.services.authorize import AuthorizationFlow
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.tokens import issue_token, key_material
from apps.egress import destination
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import Integration
from apps.integrations.oauth_apps.services import ensure_oauth_app
from apps.oauth.signing import RequestParts
from apps.teams.actor import Actor
from tests.connections.signed import signed_request
from tests.fixtures.connections import CALLBACK, ORIGIN, SESSION, Cast, access_token, actions, oauth_app
from tests.oauth1server import OAuth1Server, oauth1_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(kinds: None, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[OAuth1Server]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    with oauth1_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        ensure_oauth_app(
            integration_slug="signed",
            client_id=running.key,
            client_secret=running.secret,
            params={"origin": running.url},
        )
        yield running


def begin(
    actor: Actor, *, scopes: tuple[str, ...] = ("look",), connection: Connection | None = None
) -> AuthorizationFlow:
    return authorize.begin(
        actor=actor,
        integration=Integration.objects.get(slug="signed"),
        scopes=list(scopes),
        params={},
        session_key=SESSION,
        in_popup=True,
        connection=connection,
    )


def complete(answer: dict[str, str] | str, actor: Actor, *, session_key: str = SESSION) -> AuthorizationAttempt:
    query = answer if isinstance(answer, str) else urlencode(answer)
    return authorize.complete(
        path=CALLBACK, query_string=query, user=actor.user, session_key=session_key, origin=ORIGIN
    )


def connected(server: OAuth1Server, actor: Actor, subject: str = "ada") -> Connection:
    attempt = complete(server.consent(begin(actor).url, subject), actor)
    assert attempt.connection is not None
    return attempt.connection


def test_the_consent_page_gets_the_request_token_and_the_largest_permission(server: OAuth1Server, cast: Cast) -> None:
    flow = begin(cast.actor("member"), scopes=("look", "touch"))
    query = parse_qs(urlsplit(flow.url).query)
    (token,) = server.requests
    assert query == {"oauth_token": [token], "perms": ["touch"], "name": ["Specway"]}
    assert server.requests[token].callback == f"{flow.attempt.redirect_uri}?state=oauth1.{flow.attempt.pk}"
    stored = AuthorizationAttempt.objects.values().get()
    assert token not in repr(stored)


def test_the_flow_ends_with_a_connection_named_after_the_account(server: OAuth1Server, cast: Cast) -> None:
    made = connected(server, cast.actor("member"))
    assert (made.name, made.account_subject, made.scopes_granted) == ("ada@oauth1.example", "ada", ["look"])
    assert access_token(made) in server.access
    assert server.requests == {}
    row = TokenSet.objects.get()
    assert (row.token_type, row.refresh_token, row.next_refresh_at) == ("oauth1", None, None)
    assert actions("connection.created") == ["connection.created"]


@pytest.mark.parametrize("more", ["", "&error=access_denied", "&oauth_problem=user_refused", "&denied="])
def test_a_denial_without_a_token_is_recognized_by_its_state(server: OAuth1Server, cast: Cast, more: str) -> None:
    actor = cast.actor("member")
    attempt = begin(actor).attempt
    query = f"state=oauth1.{attempt.pk}{more}"
    with pytest.raises(CallbackRejected):
        complete(query, actor, session_key="another session")
    with pytest.raises(CallbackRejected):
        complete("state=oauth1.not-an-id", actor)
    with pytest.raises(AccessDeclined):
        complete(query, actor)
    assert AuthorizationAttempt.objects.get().status == AuthorizationAttempt.Status.FAILED
    assert Connection.objects.count() == 0


def test_a_service_that_returns_the_state_beside_the_token_is_connected(server: OAuth1Server, cast: Cast) -> None:
    actor = cast.actor("member")
    flow = begin(actor)
    answer = server.consent(flow.url) | {"state": f"oauth1.{flow.attempt.pk}"}
    assert complete(answer, actor).connection is not None


def test_its_requests_are_signed_and_the_service_accepts_them(server: OAuth1Server, cast: Cast) -> None:
    made = connected(server, cast.actor("member"))
    for parts in (
        RequestParts("GET", f"{server.url}/api/me?b=2&a=1%20x"),
        RequestParts("POST", f"{server.url}/api/me", {"Content-Type": "application/json"}, b'{"a": 1}'),
        RequestParts(
            "POST", f"{server.url}/api/me", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&b=x+y"
        ),
    ):
        signed = signed_request(made, parts)
        assert signed.headers["Authorization"].startswith("OAuth ")
        assert signed.headers["X-Version"] == "7"
        answer = requests.request(signed.method, signed.url, headers=dict(signed.headers), data=signed.body, timeout=10)
        assert answer.json()["id"] == "ada"
        assert requests.get(signed.url + "&z=1", headers=dict(signed.headers), timeout=10).status_code == 401


def test_the_token_is_never_handed_out(server: OAuth1Server, cast: Cast) -> None:
    made = connected(server, cast.actor("member"))
    with pytest.raises(WrongKind, match="each request to be signed"):
        issue_token(connection=made, actor=cast.actor("member"))
    with pytest.raises(WrongKind):
        key_material(connection=made, actor=cast.actor("member"))
    with pytest.raises(WrongKind):
        refresh_now(connection=made, actor=cast.actor("member"))
    assert actions("token.handed_out") == []


def test_an_answer_counts_once(server: OAuth1Server, cast: Cast) -> None:
    actor = cast.actor("member")
    answer = server.consent(begin(actor).url)
    complete(answer, actor)
    with pytest.raises(CallbackRejected, match="used already"):
        complete(answer, actor)
    assert Connection.objects.count() == 1


def test_another_session_or_person_cannot_bring_the_answer(server: OAuth1Server, cast: Cast) -> None:
    actor = cast.actor("member")
    answer = server.consent(begin(actor).url)
    for who, session in ((actor, "another-session"), (cast.actor("admin"), SESSION)):
        with pytest.raises(CallbackRejected, match="another login"):
            complete(answer, who, session_key=session)
    assert [path for path, _ in server.seen] == ["/request"]
    assert complete(answer, actor).connection is not None


def test_a_token_that_was_not_requested_is_rejected_without_a_call(server: OAuth1Server, cast: Cast) -> None:
    with pytest.raises(CallbackRejected, match="belongs to no connection"):
        complete({"oauth_token": "made-up", "oauth_verifier": "x"}, cast.actor("member"))
    assert server.seen == []


@pytest.mark.parametrize("protocol", ["state", "oauth_token"])
def test_the_answers_of_the_two_protocols_do_not_mix(server: OAuth1Server, cast: Cast, protocol: str) -> None:
    actor = cast.actor("member")
    token = server.consent(begin(actor).url)["oauth_token"]
    forged = {"state": f"oauth1:{token}", "code": "c"} if protocol == "state" else {"oauth_token": f"oauth1:{token}"}
    with pytest.raises(CallbackRejected):
        complete(forged, actor)
    assert [path for path, _ in server.seen] == ["/request"]
    assert not Connection.objects.exists()


@pytest.mark.parametrize("query", ["denied={0}", "oauth_token={0}", "oauth_token={0}&oauth_verifier="])
def test_a_denied_authorization_is_reported_to_the_person(server: OAuth1Server, cast: Cast, query: str) -> None:
    actor = cast.actor("member")
    token = server.consent(begin(actor).url)["oauth_token"]
    with pytest.raises(AccessDeclined, match="Nothing was stored"):
        complete(query.format(token), actor)
    assert [path for path, _ in server.seen] == ["/request"]


@pytest.mark.parametrize("query", ["oauth_token=a&oauth_token=b", "oauth_token=&denied=", "oauth_token=%00"])
def test_a_malformed_answer_is_rejected(server: OAuth1Server, cast: Cast, query: str) -> None:
    with pytest.raises(CallbackRejected, match="not valid"):
        complete(query, cast.actor("member"))


def test_a_wrong_verifier_gives_nothing(server: OAuth1Server, cast: Cast) -> None:
    actor = cast.actor("member")
    answer = server.consent(begin(actor).url)
    with pytest.raises(ExchangeFailed):
        complete({**answer, "oauth_verifier": "wrong"}, actor)
    assert not Connection.objects.exists()


def test_an_unconfirmed_callback_begins_no_flow(server: OAuth1Server, cast: Cast) -> None:
    server.confirms_callback = False
    with pytest.raises(ServiceUnavailable):
        begin(cast.actor("member"))
    assert not AuthorizationAttempt.objects.exists()


def test_a_refused_consumer_key_is_the_operators_business(server: OAuth1Server, cast: Cast) -> None:
    server.key = "changed"
    with pytest.raises(IntegrationMisconfigured, match="maintainers are notified"):
        begin(cast.actor("member"))
    assert oauth_app().broken_since is not None


def test_no_name_is_no_reason_to_lose_the_grant(server: OAuth1Server, cast: Cast) -> None:
    server.account_down = True
    assert connected(server, cast.actor("member")).name == "Signed account"


def test_a_reconnect_keeps_the_connection_and_asks_about_another_account(server: OAuth1Server, cast: Cast) -> None:
    actor = cast.actor("member")
    made = connected(server, actor)
    before = access_token(made)
    again = complete(server.consent(begin(actor, connection=made).url), actor)
    assert again.connection_id == made.pk
    assert access_token(made) != before
    other = complete(server.consent(begin(actor, connection=made).url, "grace"), actor)
    assert other.status == AuthorizationAttempt.Status.UNDECIDED


def test_disconnecting_says_that_the_grant_is_still_valid(server: OAuth1Server, cast: Cast) -> None:
    done = disconnect(actor=cast.actor("member"), connection=connected(server, cast.actor("member")))
    assert (done.revocation, TokenSet.objects.count()) == ("unsupported", 0)


def test_no_secret_of_the_flow_is_in_logs_or_audit(
    server: OAuth1Server, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    actor = cast.actor("member")
    flow = begin(actor)
    ((token, held),) = server.requests.items()
    answer = server.consent(flow.url)
    made = complete(answer, actor).connection
    assert made is not None
    signed_request(made, RequestParts("GET", f"{server.url}/api/me"))
    with pytest.raises(AttemptError):
        complete(answer, actor)
    ((access, held_access),) = server.access.items()
    texts = caplog.text + repr(list(AuditEvent.objects.values())) + repr(flow)
    for secret in (token, held.secret, answer["oauth_verifier"], access, held_access.secret, server.secret):
        assert secret not in texts
