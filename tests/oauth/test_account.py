"""Whose account a token opens: the call that asks, and what its responses mean."""

from dataclasses import replace

import pytest

from apps.oauth.account import Account, fetch_account
from apps.oauth.conditions import EndedTokenSign
from apps.oauth.errors import MalformedResponse, ProviderFault, TokenError
from apps.oauth.paths import Check
from apps.oauth.provider import AccountEndpoint, ClientCredentials, ProviderConfig
from tests.servers import HttpServer


def with_account(provider: ProviderConfig, server: HttpServer, **facts: object) -> ProviderConfig:
    facts = {"method": "GET", "subject_path": "id", "label_path": "login"} | facts
    return replace(provider, account=AccountEndpoint(url=f"{server.url}/me", **facts))  # type: ignore[arg-type]


def test_the_account_request_has_all_headers(server: HttpServer, provider: ProviderConfig) -> None:
    server.will_answer(200, b'{"id": 583231, "login": "octocat"}')
    special = replace(
        with_account(provider, server, headers={"X-Token": "{access_token}", "X-Client": "{client_id}"}),
        access_token_header="Authorization: OAuth {access_token}",
        api_headers={"X-Version": "2"},
    )
    assert fetch_account(special, access_token="t", credentials=ClientCredentials("c")) == Account("583231", "octocat")
    headers = server.received[0].headers
    assert headers["Authorization"] == "OAuth t"
    assert (headers["X-Version"], headers["X-Token"], headers["X-Client"]) == ("2", "t", "c")


def test_the_account_request_may_be_a_post(server: HttpServer, provider: ProviderConfig) -> None:
    server.will_answer(200, b'{"data": {"viewer": [{"email": "a@b.test"}]}}')
    posted = with_account(
        provider,
        server,
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"query": "{ viewer { email } }"}',
        subject_path=None,
        label_path="data.viewer[0].email",
    )
    assert fetch_account(posted, access_token="t") == Account("a@b.test", "a@b.test")
    assert server.received[0].body == b'{"query": "{ viewer { email } }"}'


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"id": null, "login": {}}', b'{"id": true, "login": []}', b'"x"'])
def test_an_account_without_a_name_is_empty(server: HttpServer, provider: ProviderConfig, body: bytes) -> None:
    server.will_answer(200, body)
    assert fetch_account(with_account(provider, server), access_token="t") == Account("", "")


def test_a_provider_without_an_account_endpoint_gives_an_empty_account(provider: ProviderConfig) -> None:
    assert fetch_account(provider, access_token="t") == Account("", "")


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_token"), (403, "insufficient_scope")])
def test_an_account_endpoint_that_refuses_the_token(
    server: HttpServer, provider: ProviderConfig, status: int, code: str
) -> None:
    server.will_answer(status, b"")
    with pytest.raises(TokenError) as caught:
        fetch_account(with_account(provider, server), access_token="t")
    assert caught.value.code == code


def test_an_account_endpoint_may_fail_in_other_ways(server: HttpServer, provider: ProviderConfig) -> None:
    checked = with_account(provider, server, success_check=Check("ok", True))
    for status, body, kind in (
        (500, b"", ProviderFault),
        (302, b"", MalformedResponse),
        (200, b"<html>", MalformedResponse),
        (200, b'{"ok": false}', TokenError),
    ):
        server.answers[:] = []
        server.will_answer(status, body)
        with pytest.raises(kind):
            fetch_account(checked, access_token="t")


def test_the_label_may_come_from_a_second_call(server: HttpServer, provider: ProviderConfig) -> None:
    server.will_answer(200, b'{"data": {"user_id": "u/7"}}')
    server.will_answer(200, b'{"profile": {"email": "ada@b.test"}}')
    facts = {"subject_path": "data.user_id", "label_path": "profile.email", "headers": {"X-Token": "{access_token}"}}
    asked = with_account(provider, server, **facts, label_url=f"{server.url}/users/{{subject}}")
    assert fetch_account(asked, access_token="t") == Account("u/7", "ada@b.test")
    assert [(call.method, call.path) for call in server.received] == [("GET", "/me"), ("GET", "/users/u%2F7")]
    assert server.received[1].headers["X-Token"] == "t"


@pytest.mark.parametrize(("status", "body"), [(403, b"{}"), (500, b""), (200, b"<html>")])
def test_the_subject_is_kept_where_the_label_cannot_be_read(
    server: HttpServer, provider: ProviderConfig, status: int, body: bytes
) -> None:
    server.will_answer(200, b'{"id": 7}')
    server.will_answer(status, body)
    asked = with_account(provider, server, label_url=f"{server.url}/profile")
    assert fetch_account(asked, access_token="t") == Account("7", "")


def test_a_response_that_says_that_the_token_ended_is_a_401(server: HttpServer, provider: ProviderConfig) -> None:
    server.will_answer(200, b'{"success": false, "errors": [{"code": "602"}]}')
    sign = EndedTokenSign(statuses=(200,), path="errors[0].code", values=(602,))
    with pytest.raises(TokenError) as caught:
        fetch_account(replace(with_account(provider, server), ended_token=(sign,)), access_token="t")
    assert caught.value.code == "invalid_token"
