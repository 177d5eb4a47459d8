"""Connecting through an OAuth app that may not request everything, or for more than the catalog knows; and overrides
in the requests that really leave."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services.refresh import refresh_now
from apps.integrations.errors import InvalidInput
from apps.integrations.models import OAuthApp
from tests.authserver import AuthServer
from tests.connections.pages import JSON, set_up_service
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow, expire, request_params

# Which scopes are requested is decided in Python, from one row of an OAuth app.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]


def connect(cast: Cast, **fields: Any) -> Any:
    url = reverse("connections:connect", args=["sandbox"])
    return client_for(cast.member).post(url, fields, headers=JSON)


def scopes_in(url: str) -> list[str]:
    return parse_qs(urlsplit(url).query)["scope"][0].split()


def test_a_scope_that_the_app_may_not_ask_for_is_refused_with_a_sentence(cast: Cast) -> None:
    set_up_service()
    OAuthApp.objects.update(scopes_allowed=["profile"])
    for fields in ({"scopes": ["profile", "messages:read"]}, {"scopes": ["profile"], "other_scopes": "messages:read"}):
        answer = connect(cast, **fields)
        assert answer.status_code == 400
        assert "The OAuth app of Sandbox may not request messages:read." in answer.content.decode()
    assert not AuthorizationAttempt.objects.exists()
    assert connect(cast, scopes=["profile"]).status_code == 200


def test_no_endpoint_bypasses_the_limits(connect_flow: ConnectFlow, cast: Cast) -> None:
    OAuthApp.objects.update(scopes_allowed=["profile"])
    with pytest.raises(InvalidInput, match="may not request messages:read"):
        connect_flow.begin(cast.actor("member"), scopes=["profile", "messages:read"])


def test_permissions_that_are_not_listed_are_requested_by_name(cast: Cast) -> None:
    set_up_service()
    url = connect(cast, scopes=["profile"], other_scopes=" files:read  beta:x profile").json()["authorization_url"]
    assert scopes_in(url) == ["profile", "files:read", "beta:x"]
    assert connect(cast, other_scopes="files:read").status_code == 200
    assert connect(cast, scopes=["profile"], other_scopes='a"b').status_code == 400
    assert connect(cast, scopes=["files:read"]).status_code == 400


def test_permissions_requested_by_name_are_requested_again_on_reconnecting(
    connect_flow: ConnectFlow, cast: Cast
) -> None:
    connection = connect_flow.connect(cast.actor("member"), scopes=["profile", "files:read"])
    url = reverse("connections:reconnect", args=[connection.pk])
    answer = client_for(cast.member).post(url, headers=JSON).json()
    assert scopes_in(answer["authorization_url"]) == ["profile", "files:read"]
    OAuthApp.objects.update(scopes_allowed=["profile"])
    answer = client_for(cast.member).post(url, headers=JSON).json()
    assert scopes_in(answer["authorization_url"]) == ["profile"]


def test_overrides_are_in_force_on_the_wire(connect_flow: ConnectFlow, server: AuthServer, cast: Cast) -> None:
    server.client_authentication = "client_secret_post"
    OAuthApp.objects.update(
        overrides={
            "pkce": False,
            "token_endpoint_auth_method": "client_secret_post",
            "authorization_params": {"prompt": "login"},
            "token_params": {"audience": "api"},
        }
    )
    actor = cast.actor("member")
    flow = connect_flow.begin(actor)
    asked = request_params(flow)
    assert asked["prompt"] == "login"
    assert "code_challenge" not in asked
    code = server.code_for(scopes=["profile"], redirect_uri=asked["redirect_uri"])
    attempt = connect_flow.complete(flow, {"state": asked["state"], "code": code, "iss": server.url}, actor=actor)
    connection = Connection.objects.get(pk=attempt.connection_id)
    expire(connection)
    refresh_now(connection=connection, actor=actor)
    exchange, refreshed = server.journal.token_calls
    assert exchange.accepted
    assert refreshed.accepted
    for call in (exchange, refreshed):
        assert (call.form["audience"], call.form["client_secret"]) == ("api", server.client_secret)
    assert "code_verifier" not in exchange.form
