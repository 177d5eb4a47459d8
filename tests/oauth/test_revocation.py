"""Revocation in the ways of four providers, which differ in their data only."""

import json
from dataclasses import replace
from typing import Any

import pytest

from apps.oauth import revocation
from apps.oauth.errors import (
    InvalidClient,
    MalformedResponse,
    ProviderFault,
    RevocationUnsupported,
    TokenError,
)
from apps.oauth.paths import Check
from apps.oauth.provider import ClientCredentials, ProviderConfig, RevocationEndpoint
from apps.oauth.revocation import revocation_requests
from tests.servers import HttpServer


def revoking(provider: ProviderConfig, server: HttpServer, **facts: Any) -> ProviderConfig:
    return replace(provider, revocation=RevocationEndpoint(url=f"{server.url}/revoke", **facts))


def revoke(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    *,
    access: str | None = "a",
    refresh: str | None = "r",
) -> None:
    revocation.revoke(provider, credentials, access_token=access, refresh_token=refresh)


def test_rfc_7009_sends_the_refresh_token_first(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    server.will_answer(200, b"", Content_Type="text/plain")
    revoke(revoking(provider, server), credentials)
    assert [request.form for request in server.received] == [
        {"token": "r", "token_type_hint": "refresh_token"},
        {"token": "a", "token_type_hint": "access_token"},
    ]
    assert {request.headers["Authorization"] for request in server.received} == {credentials.basic()}


def test_without_a_refresh_token_the_access_token_is_revoked(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    server.will_answer(200, b"")
    posted = replace(revoking(provider, server), token_endpoint_auth_method="client_secret_post")
    revoke(posted, credentials, refresh=None)
    [request] = server.received
    assert request.form == {
        "token": "a",
        "token_type_hint": "access_token",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }


def test_an_access_token_revoked_with_the_refresh_token_is_no_failure(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    server.will_answer(200, b"")
    server.will_answer(400, b'{"error": "unsupported_token_type"}')
    revoke(revoking(provider, server), credentials)
    assert len(server.received) == 2


def test_a_public_client_names_itself(server: HttpServer, provider: ProviderConfig) -> None:
    server.will_answer(200, b"")
    public = replace(revoking(provider, server, tokens=("access_token",)), token_endpoint_auth_method="none")
    revoke(public, ClientCredentials("public"))
    assert server.received[0].form == {"token": "a", "token_type_hint": "access_token", "client_id": "public"}


def test_delete_of_a_grant_with_json_and_the_client_in_the_path(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    """The shape of GitHub."""
    server.will_answer(204, b"")
    github = replace(
        provider,
        token_endpoint_auth_method="client_secret_post",
        revocation=RevocationEndpoint(
            url=server.url + "/applications/{client_id}/grant",
            method="DELETE",
            client_authentication="client_secret_basic",
            body_encoding="json",
            token_parameter="access_token",
            token_type_hint=False,
            tokens=("access_token",),
            success_statuses=(204,),
        ),
    )
    revoke(github, replace(credentials, client_id="Iv1/../x"))
    [request] = server.received
    assert (request.method, request.path) == ("DELETE", "/applications/Iv1%2F..%2Fx/grant")
    assert json.loads(request.body) == {"access_token": "a"}
    assert request.headers["Authorization"].startswith("Basic ")


def test_a_call_with_the_token_itself_as_bearer(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    """The shape of Slack."""
    slack = revoking(
        provider,
        server,
        client_authentication="bearer",
        body_encoding="none",
        tokens=("access_token",),
        success_check=Check("ok", True),
        already_revoked_errors=frozenset({"token_revoked"}),
    )
    server.will_answer(200, b'{"ok": true, "revoked": true}')
    revoke(slack, credentials)
    [request] = server.received
    assert request.headers["Authorization"] == "Bearer a"
    assert request.body == b""
    server.answers[:] = [(200, {}, b'{"ok": false, "error": "token_revoked"}')]
    revoke(slack, credentials)
    server.answers[:] = [(200, {}, b'{"ok": false, "error": "not_allowed"}')]
    with pytest.raises(TokenError):
        revoke(slack, credentials)


def test_json_with_basic_authentication_and_a_header(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    """The shape of Notion."""
    server.will_answer(200, b"{}")
    notion = revoking(
        provider,
        server,
        body_encoding="json",
        token_type_hint=False,
        tokens=("access_token",),
        headers={"Notion-Version": "1"},
    )
    revoke(notion, credentials)
    [request] = server.received
    assert json.loads(request.body) == {"token": "a"}
    assert request.headers["Authorization"] == credentials.basic()
    assert request.headers["Notion-Version"] == "1"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, b"", ProviderFault),
        (429, b"", ProviderFault),
        (401, b'{"error": "invalid_client"}', InvalidClient),
        (404, b"<html>", MalformedResponse),
        (302, b"", MalformedResponse),
        (400, b"[" * 100_000, MalformedResponse),
        (400, b"\xff", MalformedResponse),
    ],
)
def test_what_is_not_confirmed_is_a_failure(
    server: HttpServer,
    provider: ProviderConfig,
    credentials: ClientCredentials,
    status: int,
    body: bytes,
    kind: type[Exception],
) -> None:
    server.will_answer(status, body)
    with pytest.raises(kind):
        revoke(revoking(provider, server), credentials)
    assert len(server.received) == 1


def test_a_token_that_is_already_invalid_counts_as_revoked(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    server.will_answer(400, b'{"error": "invalid_token"}')
    revoke(revoking(provider, server), credentials)


def test_a_fault_of_the_second_call_is_raised(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    server.will_answer(200, b"")
    server.will_answer(503, b"")
    with pytest.raises(ProviderFault):
        revoke(revoking(provider, server), credentials)


def test_without_an_endpoint_or_a_token_for_it_revocation_is_unsupported(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    with pytest.raises(RevocationUnsupported):
        revoke(provider, credentials)
    with pytest.raises(RevocationUnsupported):
        revoke(revoking(provider, server, tokens=("refresh_token",)), credentials, refresh=None)
    assert not server.received


def test_revocation_requests_do_not_show_their_tokens(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    requests = revocation_requests(revoking(provider, server), credentials, access_token="sec-a", refresh_token="sec-r")
    assert len(requests) == 2
    assert "sec-" not in repr(requests)
    assert str(credentials.client_secret) not in repr((requests, credentials))
