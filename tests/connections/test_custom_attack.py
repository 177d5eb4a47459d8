"""The cross-app attack (draft-ietf-oauth-security-topics-update, oauth.md 1), staged with two servers.

An admin of the victim's team describes an API whose authorization server lies: it forwards the victim to another
service's consent page, with the state of its own flow. The other service sends its code to where it always sends
it. A product that exchanged it at the liar's token endpoint would hand over the victim's account.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.urls import reverse

from apps import egress
from apps.audit.models import AuditEvent
from apps.connections.errors import CallbackRejected
from apps.connections.models import AuthorizationAttempt, Connection
from apps.integrations.custom_apis.services.apis import set_callback
from apps.integrations.models import Callback, Integration
from apps.integrations.oauth_apps.team_apps import save_own_app
from apps.integrations.redirect_uri import common_redirect_uri
from tests.authserver import AuthServer
from tests.connections.custom import Walker, describe
from tests.factories import client_for
from tests.fixtures.connections import CALLBACK, Cast, ConnectFlow, request_params
from tests.servers import HttpServer, http_server

OWN_CALLBACK = CALLBACK.replace("/oauth/callback", "/oauth/return")
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]


@pytest.fixture
def liar(server: AuthServer) -> Iterator[HttpServer]:
    with http_server() as running:
        running.will_answer(200, b'{"access_token": "of-the-liar", "token_type": "Bearer"}')
        egress.configure(allowed_hosts=[urlsplit(server.url).netloc, f"127.0.0.1:{running.port}"])
        yield running


@pytest.fixture
def trap(liar: HttpServer, cast: Cast) -> Walker:
    api = describe(cast.actor("admin"), name="Free Shipping", origin=liar.url, client_id="x", client_secret="y")
    return Walker(api, cast.actor("member"), lambda url: "")


def forwarded(authorization_url: str, server: AuthServer, connect_flow: ConnectFlow, cast: Cast) -> str:
    """The victim, sent on by the liar, approves at the honest service, which answers at the common callback."""
    state = parse_qs(urlsplit(authorization_url).query)["state"][0]
    honest = request_params(connect_flow.begin(cast.actor("member")))  # what the liar learned from a flow of its own
    code = server.code_for(scopes=["messages:read"], redirect_uri=honest["redirect_uri"], subject="victim")
    return urlencode({"state": state, "code": code, "iss": server.url})


def test_a_callback_on_another_path_is_aborted_before_any_token_call(
    trap: Walker, liar: HttpServer, server: AuthServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    flow = trap.begin()
    query = forwarded(flow.url, server, connect_flow, cast)
    with pytest.raises(CallbackRejected, match="another callback address"):
        trap.arrive(f"{CALLBACK}?{query}")
    assert liar.received == []
    assert server.arrivals == []
    assert not Connection.objects.exists()
    attempt = AuthorizationAttempt.objects.get(pk=flow.attempt.pk)
    assert attempt.status == "failed"
    event = AuditEvent.objects.get(action="authorization.failed")
    assert event.team_id == cast.team.pk
    assert (event.integration, event.detail) == ("free-shipping", {"code": "wrong_redirect_uri"})


def test_the_victim_sees_what_happened(
    trap: Walker, liar: HttpServer, server: AuthServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    browser = client_for(cast.member)
    url = reverse("connections:connect", args=["free-shipping"])
    sent = browser.post(url, {"scopes": ["messages:read"]})
    assert sent.status_code == 302, sent.content
    answer = browser.get(f"{CALLBACK}?{forwarded(sent['Location'], server, connect_flow, cast)}")
    assert answer.status_code == 400
    assert "arrived at another callback address" in answer.content.decode()
    assert liar.received == []


def test_the_other_way_round_too(
    trap: Walker, liar: HttpServer, server: AuthServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    """A code of the honest flow that arrives at the trap's own address is worth nothing there either."""
    flow = connect_flow.begin(cast.actor("member"))
    query = urlencode(connect_flow.answer(flow))
    with pytest.raises(CallbackRejected, match="another callback address"):
        trap.arrive(f"{OWN_CALLBACK}/{trap.api.pk}?{query}")
    assert server.arrivals == []


def test_with_the_shared_callback_the_attack_would_succeed_so_an_admin_is_warned(
    trap: Walker, liar: HttpServer, server: AuthServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    set_callback(actor=cast.actor("admin"), api=trap.api, callback=Callback.COMMON)
    flow = trap.begin()
    trap.arrive(f"{CALLBACK}?{forwarded(flow.url, server, connect_flow, cast)}")
    assert any(b"code" in call.body for call in liar.received)
    page = client_for(cast.admin).get(reverse("integrations:custom_callback", args=["free-shipping"]))
    assert "separate redirect URI" in page.content.decode()
    set_callback(actor=cast.actor("admin"), api=trap.api, callback=Callback.OWN)
    page = client_for(cast.admin).get(reverse("integrations:custom_callback", args=["free-shipping"]))
    assert "A malicious server" in page.content.decode()


def test_a_teams_app_of_a_built_in_service_with_its_own_host_receives_no_foreign_code(
    liar: HttpServer, server: AuthServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    save_own_app(
        actor=cast.actor("admin"),
        integration=connect_flow.integration,
        client_id="x",
        client_secret="y",
        params={"origin": liar.url},
    )
    flow = connect_flow.begin(cast.actor("member"))
    assert flow.url.startswith(liar.url)
    asked = request_params(flow)
    assert not asked["redirect_uri"].startswith(common_redirect_uri())
    code = server.code_for(scopes=["messages:read"], redirect_uri=common_redirect_uri(), subject="victim")
    with pytest.raises(CallbackRejected, match="another callback address"):
        connect_flow.complete(
            flow, {"state": asked["state"], "code": code}, actor=cast.actor("member"), path=urlsplit(CALLBACK).path
        )
    assert liar.received == []
    assert not Connection.objects.exists()


def test_the_code_is_exchanged_with_the_redirect_uri_of_the_attempt(
    liar: HttpServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    save_own_app(
        actor=cast.actor("admin"),
        integration=connect_flow.integration,
        client_id="x",
        client_secret="y",
        params={"origin": liar.url},
    )
    flow = connect_flow.begin(cast.actor("member"))
    asked = request_params(flow)
    path = urlsplit(asked["redirect_uri"]).path
    connect_flow.complete(
        flow, {"state": asked["state"], "code": "c", "iss": liar.url}, actor=cast.actor("member"), path=path
    )
    exchange = next(call for call in liar.received if b"grant_type=authorization_code" in call.body)
    assert parse_qs(exchange.body.decode())["redirect_uri"] == [asked["redirect_uri"]]


def test_another_apis_address_is_another_path(trap: Walker, cast: Cast, liar: HttpServer, server: Any) -> None:
    second = describe(cast.actor("admin"), name="Second", origin=liar.url, client_id="x", client_secret="y")
    state = request_params(trap.begin())["state"]
    with pytest.raises(CallbackRejected, match="another callback address"):
        trap.arrive(f"{OWN_CALLBACK}/{second.pk}?{urlencode({'state': state, 'code': 'c'})}")
    assert liar.received == []
    assert Integration.objects.filter(team=cast.team).count() == 2
