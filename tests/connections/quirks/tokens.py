"""The token endpoint: how the client shows itself, in which encoding and words, and how the answer is read."""

import base64
import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.connections.models import TokenSet
from tests.authserver.dialect import Dialect, Document, fields_in
from tests.connections.quirks.files import ORIGIN, param
from tests.connections.quirks.story import Story, case


@case({"oauth2": {"token_endpoint_auth_method": "client_secret_post"}}, Dialect(client="post"))
def the_secret_in_the_body(story: Story) -> None:
    for request in (story.exchange, story.refresh):
        assert "Authorization" not in request.headers
        assert request.form["client_secret"] == story.server.client.client_secret


@case({"oauth2": {"token_endpoint_auth_method": "none"}, "revocation": {"url": "{origin}/revoke"}},
      Dialect(client="none"))  # fmt: skip
def a_public_client(story: Story) -> None:
    everything = f"{story.server.received}"
    assert story.server.client.client_secret is not None
    assert story.server.client.client_secret not in everything
    assert story.exchange.form["client_id"] == story.server.client.client_id
    assert story.revocations[0].form["client_id"] == story.server.client.client_id


@case(
    {"oauth2": {
        "token_endpoint_auth_method": "none",
        "token_request_headers": {"X-Secret": "{client_secret}", "X-Area": "{area}"},
    }, "params": [param("area", "[a-z]{2,9}", "north", "user")]},
    Dialect(client="header"), params={"area": "north"},
)  # fmt: skip
def the_secret_in_a_header(story: Story) -> None:
    assert story.exchange.headers["X-Area"] == story.refresh.headers["X-Area"] == "north"
    assert "client_secret" not in story.exchange.form


@case(
    {"oauth2": {
        "token_endpoint_auth_method": "client_secret_post", "token_request_encoding": "json",
        "parameter_names": {"client_id": "app_id", "client_secret": "secret"},
        "token_parameter_names": {"code": "auth_code", "grant_type": "grantType", "refresh_token": "refreshToken"},
        "grant_type": "auth_code",
        "token_params": {"audience": "api-{area}"},
        "refresh": {"params": {"audience": "again-{area}"}},
    }, "params": [param("area", "[a-z]{2,9}", "north", "user")]},
    Dialect(
        reads="json", client="post",
        names={
            "client_id": "app_id", "client_secret": "secret", "code": "auth_code", "grant_type": "grantType",
            "refresh_token": "refreshToken",
        },
        grants={"authorization_code": "auth_code"},
    ),
    params={"area": "north"},
)  # fmt: skip
def json_in_words_of_its_own(story: Story) -> None:
    assert story.asked["app_id"] == story.server.client.client_id
    exchange, refresh = fields_in(story.exchange, "json"), fields_in(story.refresh, "json")
    assert (exchange["audience"], refresh["audience"]) == ("api-north", "again-north")
    assert exchange["code_verifier"]
    assert refresh["grantType"] == "refresh_token"


@case({"oauth2": {"token_endpoint_auth_method": "client_secret_post", "token_request_method": "GET"}},
      Dialect(client="post"))  # fmt: skip
def a_token_by_get(story: Story) -> None:
    assert (story.exchange.method, story.exchange.body, story.refresh.method) == ("GET", b"", "GET")
    assert fields_in(story.exchange, "query")["code_verifier"]


@case({"oauth2": {"token_answer_encodings": ["form", "json"]}}, Dialect(says=urlencode))
def a_form_as_answer(story: Story) -> None:
    assert story.connection.scopes_granted == ["read"]
    assert story.expires_at[0] == 3600


def _of_authed_user(document: Document) -> Document:
    refresh = {"refresh_token": document["refresh_token"]} if "refresh_token" in document else {}
    return {
        "ok": True,
        "access_token": "bot-" + secrets.token_urlsafe(12),
        "scope": "bot:write",
        "team": {"id": "T1", "name": "Acme"},
        "authed_user": {"access_token": document["access_token"], "expires_in": 1200, "scope": "read", **refresh},
        "bot": {"refresh": "bot-refresh", "ends": "600"},
    }


@case(
    {
        "oauth2": {
            "access_token_path": "authed_user.access_token | access_token",
            "refresh_token_path": "authed_user.refresh_token",
            "expires_in_path": "authed_user.expires_in", "scope_path": "authed_user.scope",
            "keep": ["team.id"],
            "success_check": {"path": "ok", "equals": True},
            "secondary_tokens": [{
                "name": "bot", "access_token_path": "access_token", "refresh_token_path": "bot.refresh",
                "expires_in_path": "bot.ends", "scope_path": "scope",
            }],
        },
        "answer_account": {"subject_path": "team.id", "label_path": "team.name"},
    },
    Dialect(says=lambda document: _of_authed_user(document) | {"token_type": "User"}),
)  # fmt: skip
def two_tokens_in_one_answer(story: Story) -> None:
    assert (story.tokens[0].token_type, story.expires_at[0]) == ("user", 1200)
    assert story.connection.scopes_granted == ["bot:write", "read"]
    assert (story.connection.account_subject, story.connection.name) == ("T1", "Acme")
    assert story.kept["kept"] == {"team.id": "T1"}
    bot = story.kept["secondary"]["bot"]
    assert bot["access_token"].startswith("bot-")
    assert (bot["refresh_token"], bot["expires_in"], bot["scopes"]) == ("bot-refresh", 600, ["bot:write"])


@case(
    {
        "api": {"base_url": "{instance}/api"},
        "params": [
            param("instance", ORIGIN, "http://127.0.0.1:1", "token_response", field="instance_url",
                  extract="(http://[a-z0-9.:]+)/?"),
        ],
    },
    lambda server: Dialect(says=lambda d: {**d, "instance_url": f"{server.elsewhere}/", "token_type": "MAC"}),
)  # fmt: skip
def an_instance_named_in_the_answer(story: Story) -> None:
    assert story.connection.params == {"instance": story.server.elsewhere}
    assert story.api_calls[0].headers["Host"] == story.server.elsewhere.removeprefix("http://")
    assert story.exchange.headers["Host"] != story.api_calls[0].headers["Host"]


def _without(name: str, **more: Any) -> Any:
    return lambda document: {key: value for key, value in document.items() if key != name} | more


@case({"oauth2": {"refresh": {"default_expires_in": 7200}}}, Dialect(says=_without("expires_in")))
def an_answer_that_does_not_say_when_it_ends(story: Story) -> None:
    assert story.expires_at[:2] == [7200, 7200]


@case({"oauth2": {"expires_in_path": ""}}, Dialect(says=lambda d: {**d, "expires_in": 0}))
def an_expiry_that_means_nothing(story: Story) -> None:
    assert story.expires_at == [None, None]


@case({}, Dialect(says=lambda d: {**d, "expires_in": "1800"}))
def seconds_as_text(story: Story) -> None:
    assert story.expires_at[:2] == [1800, 1800]


def _in_five_hours(document: Document) -> Document:
    return {**document, "data": {"ends": (datetime.now(UTC) + timedelta(hours=5)).isoformat()}}


@case({"oauth2": {"expires_at_path": "data.ends"}}, Dialect(says=_in_five_hours))
def a_moment_in_iso(story: Story) -> None:
    assert story.expires_at[0] == pytest.approx(5 * 3600, abs=30)


@case({"oauth2": {"expires_at_path": "ends"}},
      Dialect(says=lambda d: {**d, "ends": int((time.time() + 5 * 3600) * 1000)}))  # fmt: skip
def a_moment_in_milliseconds(story: Story) -> None:
    assert story.expires_at[0] == pytest.approx(5 * 3600, abs=30)


def _as_jwt(document: Document) -> Document:
    """The genuine token within a JWT: the server knows it by its last part."""
    parts = ({"alg": "none"}, {"exp": int(time.time()) + 900})
    head = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return {**document, "access_token": f"{head}.{document['access_token']}", "expires_in": 99}


@case({"oauth2": {"expiry_in_token": True}}, Dialect(says=_as_jwt, inner=lambda token: token.rpartition(".")[2]))
def an_expiry_inside_the_token(story: Story) -> None:
    assert story.expires_at[0] == pytest.approx(900, abs=30)


@case(
    {"oauth2": {
        "token_endpoint_auth_method": "client_secret_post",
        "long_lived": {
            "url": "{origin}/long", "grant_type": "th_exchange_token", "token_parameter": "short_token",
            "refresh_grant_type": "th_refresh_token",
        },
        "refresh": {"url": "{origin}/long"},
    }},
    Dialect(
        client="post", grants={"exchange": "th_exchange_token", "renew": "th_refresh_token"},
        names={"token": "short_token"}, says=lambda d: {**d, "expires_in": 5_184_000},
    ),
)  # fmt: skip
def a_long_lived_token_for_a_short_one(story: Story) -> None:
    exchanged, *renewed = (fields_in(request, "query") for request in story.server.calls("/long"))
    assert exchanged["client_secret"] == story.server.client.client_secret
    assert [fields["grant_type"] for fields in renewed] == ["th_refresh_token"] * 2
    assert renewed[0]["short_token"] == story.tokens[0].access_token
    assert "client_secret" not in renewed[0]
    assert TokenSet.objects.count() == 0
