"""Token requests: what is sent, and what comes back, against a server on loopback."""

import base64
import json
import os
import secrets
import threading
from dataclasses import replace
from urllib.parse import unquote_plus

import pytest
import responses

from apps import egress
from apps.oauth import token_request
from apps.oauth.errors import (
    EndpointRefused,
    InvalidGrant,
    MalformedResponse,
    ProviderFault,
    TransportFailure,
)
from apps.oauth.provider import ClientCredentials, ProviderConfig
from apps.oauth.token_response import TokenResponse
from apps.oauth.trace import notes_observed
from tests.servers import HttpServer, raw_server


def answer_with(server: HttpServer, **fields: object) -> dict[str, object]:
    document = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", **fields}
    server.will_answer(200, json.dumps(document).encode())
    return document


def exchange(provider: ProviderConfig, credentials: ClientCredentials, deadline: float = 10.0) -> TokenResponse:
    return token_request.exchange_code(
        provider,
        credentials,
        code="the/code+",
        redirect_uri="https://us.test/cb",
        code_verifier="v" * 43,
        deadline=deadline,
    )


EXCHANGE = {
    "grant_type": "authorization_code",
    "code": "the/code+",
    "redirect_uri": "https://us.test/cb",
    "code_verifier": "v" * 43,
}


# --- What is sent ------------------------------------------------------------------------------------------------


def test_exchange_sends_code_verifier_and_redirect_uri(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    document = answer_with(server, scope="other scopes", expires_in=0, refresh_token="r")
    answer = exchange(provider, credentials)
    assert answer.access_token == document["access_token"]
    assert answer.expires_in == 0
    assert answer.scopes == {"other", "scopes"}
    [received] = server.received
    assert (received.method, received.path) == ("POST", "/token")
    assert received.form == EXCHANGE
    assert received.headers["Accept"] == "application/json"


def test_basic_credentials_are_form_encoded_first(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    exchange(provider, credentials)
    scheme, _, encoded = server.received[0].headers["Authorization"].partition(" ")
    client_id, _, client_secret = base64.b64decode(encoded).decode("ascii").partition(":")
    assert scheme == "Basic"
    assert (unquote_plus(client_id), unquote_plus(client_secret)) == (credentials.client_id, credentials.client_secret)


def test_client_secret_post(server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials) -> None:
    answer_with(server)
    exchange(replace(provider, token_endpoint_auth_method="client_secret_post"), credentials)
    assert server.received[0].form == EXCHANGE | {
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    assert "Authorization" not in server.received[0].headers


def test_a_public_client_names_itself(server: HttpServer, provider: ProviderConfig) -> None:
    answer_with(server)
    exchange(replace(provider, token_endpoint_auth_method="none"), ClientCredentials("public"))
    assert server.received[0].form == EXCHANGE | {"client_id": "public"}
    assert "Authorization" not in server.received[0].headers


def test_a_provider_may_want_json_headers_and_parameters(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    wants = replace(
        provider,
        token_request_encoding="json",
        token_request_headers={"Accept": "application/vnd.x+json", "Notion-Version": "1"},
        token_params={"audience": "a&b=c", "verify": "", "timeout": "0", "code": "not this"},
    )
    exchange(wants, credentials)
    [received] = server.received
    assert json.loads(received.body) == EXCHANGE | {"audience": "a&b=c", "verify": "", "timeout": "0"}
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["Accept"] == "application/vnd.x+json"
    assert received.headers["Notion-Version"] == "1"


def test_refresh_sends_the_refresh_token_to_the_refresh_url(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    document = answer_with(server)
    elsewhere = replace(provider, refresh_url=f"{server.url}/refresh", refresh_params={"version": "2"})
    answer = token_request.refresh(elsewhere, credentials, refresh_token="r+/=")
    assert answer.access_token == document["access_token"]
    assert answer.refresh_token is None
    [received] = server.received
    assert received.path == "/refresh"
    assert received.form == {"grant_type": "refresh_token", "refresh_token": "r+/=", "version": "2"}
    assert received.headers["Authorization"] == credentials.basic()


def test_refresh_sends_given_scopes_and_accepts_others_in_the_response(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server, scope="a")
    answer = token_request.refresh(provider, credentials, refresh_token="r", scopes=["a", "b"])
    assert server.received[0].form["scope"] == "a b"
    assert answer.scopes == {"a"}


def test_client_credentials_names_the_scopes(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    token_request.client_credentials(replace(provider, scope_separator=","), credentials, scopes=["a", "b"])
    assert server.received[0].form == {"grant_type": "client_credentials", "scope": "a,b"}
    assert server.received[0].headers["Authorization"] == credentials.basic()


def test_http_on_an_allowed_host_needs_no_process_wide_setting(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    exchange(provider, credentials)
    token_request.refresh(provider, credentials, refresh_token="r")
    assert "OAUTHLIB_INSECURE_TRANSPORT" not in os.environ


def test_a_token_request_can_be_mocked_as_responses_documents_it() -> None:
    provider = ProviderConfig(
        slug="example",
        name="Example",
        authorization_url="https://service.test/authorize",
        token_url="https://service.test/token",
    )
    with responses.RequestsMock(target="apps.egress.Adapter.send") as mock:
        sent = {"grant_type": "refresh_token", "refresh_token": "r"}
        mock.post(
            "https://service.test/token",
            json={"access_token": "a", "token_type": "Bearer"},
            match=[responses.matchers.urlencoded_params_matcher(sent)],
        )
        answer = token_request.refresh(provider, ClientCredentials("id", "secret"), refresh_token="r")
    assert answer.access_token == "a"


# --- What comes back ---------------------------------------------------------------------------------------------


def test_the_status_is_respected(server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials) -> None:
    server.will_answer(503, b'{"access_token": "a", "token_type": "bearer"}', Retry_After="7")
    with pytest.raises(ProviderFault) as caught:
        token_request.refresh(provider, credentials, refresh_token="r")
    assert (caught.value.status, caught.value.retry_after) == (503, 7.0)


@pytest.mark.parametrize("status", [200, 400])
def test_a_refused_grant_is_reported(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials, status: int
) -> None:
    server.will_answer(status, b'{"error": "invalid_grant", "error_description": "no"}')
    with pytest.raises(InvalidGrant):
        token_request.refresh(provider, credentials, refresh_token="r")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_code_and_secret_do_not_follow_a_redirect(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials, status: int
) -> None:
    server.will_answer(status, b"", Location=f"{server.url}/elsewhere")
    with pytest.raises(MalformedResponse):
        exchange(provider, credentials)
    assert len(server.received) == 1


def test_html_is_malformed(server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials) -> None:
    server.will_answer(200, b"<html>Sign in</html>", Content_Type="text/html")
    with pytest.raises(MalformedResponse):
        exchange(provider, credentials)


def test_ten_megabytes_are_malformed(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    server.will_answer(200, b'{"access_token": "' + b"a" * 10_000_000 + b'"}')
    with pytest.raises(MalformedResponse):
        exchange(provider, credentials)


def test_a_timeout_means_that_it_was_sent(provider: ProviderConfig, credentials: ClientCredentials) -> None:
    def silence(peer: object, over: threading.Event) -> None:
        over.wait(10)

    with raw_server(silence) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with pytest.raises(TransportFailure) as caught:
            exchange(replace(provider, token_url=f"http://127.0.0.1:{port}/token"), credentials, deadline=0.3)
    assert caught.value.sent


def test_a_refused_connection_means_that_it_was_not_sent(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    egress.configure(allowed_hosts=["127.0.0.1:9"])
    with pytest.raises(TransportFailure) as caught:
        exchange(replace(provider, token_url="http://127.0.0.1:9/token"), credentials)
    assert not caught.value.sent


@pytest.mark.parametrize("url", ["http://service.test/", "https://169.254.169.254/", "https://[::1]/", "token"])
def test_a_forbidden_address_has_an_error_of_its_own(
    provider: ProviderConfig, credentials: ClientCredentials, url: str
) -> None:
    with pytest.raises(EndpointRefused):
        exchange(replace(provider, token_url=url), credentials)


def test_nothing_secret_is_logged_at_debug(
    server: HttpServer,
    provider: ProviderConfig,
    credentials: ClientCredentials,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="requests_oauthlib")
    caplog.set_level("DEBUG", logger="oauthlib")
    caplog.set_level("DEBUG", logger="urllib3")
    posted = replace(provider, token_endpoint_auth_method="client_secret_post")
    document = answer_with(server, refresh_token=secrets.token_urlsafe())
    exchange(posted, credentials)
    token_request.refresh(posted, credentials, refresh_token="a-refresh-token")
    for secret in (document["access_token"], document["refresh_token"], credentials.client_secret, "a-refresh-token"):
        assert str(secret) not in caplog.text
    assert "the/code" not in caplog.text
    assert "client_secret" not in caplog.text


def test_notes_about_a_response_reach_the_trace(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server, refresh_token="r", expires_in="soon")
    observed: list[tuple[str, ...]] = []
    with notes_observed(observed.append):
        read = exchange(provider, credentials)
    exchange(provider, credentials)
    assert observed == [read.notes]
    assert "the expiry is unknown" in observed[0][0]


@pytest.mark.parametrize("fields", [{}, {"scope": ""}, {"scope": None}, {"scope": []}, {"scope": " , "}])
def test_no_scopes_in_response_to_a_refresh_mean_as_before(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials, fields: dict[str, object]
) -> None:
    answer_with(server, **fields)
    assert token_request.refresh(provider, credentials, refresh_token="r").scopes is None
