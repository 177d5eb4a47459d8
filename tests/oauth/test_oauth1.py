"""OAuth 1.0a responses, read strictly; whole flows are in tests/connections."""

import secrets
from dataclasses import replace

import pytest

from apps.oauth import oauth1
from apps.oauth.errors import (
    AuthorizationDenied,
    EndpointRefused,
    InvalidCallback,
    InvalidClient,
    InvalidGrant,
    MalformedResponse,
    OAuthError,
    ProviderFault,
)
from apps.oauth.oauth1 import OAuth1Provider, RequestToken
from apps.oauth.provider import ClientCredentials
from apps.oauth.signing import PlainCredentials, RequestParts, SignedCredentials
from tests.servers import HttpServer

PROVIDER = OAuth1Provider(
    slug="acme",
    name="Acme",
    request_token_url="https://api.acme.example/request",
    authorization_url="https://acme.example/authorize?lang=en",
    access_token_url="https://api.acme.example/access",
    scope_parameter="scope",
    scope_separator=",",
    kept=("user_id",),
)
CONSUMER = ClientCredentials("key", secrets.token_urlsafe(16))
GOOD = b"oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true"


def at(server: HttpServer) -> OAuth1Provider:
    return replace(PROVIDER, request_token_url=f"{server.url}/request", access_token_url=f"{server.url}/access")


def asked(server: HttpServer, status: int, body: bytes) -> RequestToken:
    server.will_answer(status, body)
    return oauth1.request_token(at(server), CONSUMER, callback="https://specway.example/oauth/callback")


def test_the_callback_is_signed(server: HttpServer) -> None:
    asked(server, 200, GOOD)
    header = server.received[0].headers["Authorization"]
    assert 'oauth_callback="https%3A%2F%2Fspecway.example%2Foauth%2Fcallback"' in header
    assert 'oauth_signature_method="HMAC-SHA1"' in header
    assert CONSUMER.client_secret
    assert CONSUMER.client_secret not in header


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"no", InvalidClient),
        (500, b"", ProviderFault),
        (429, b"", ProviderFault),
        (302, GOOD, MalformedResponse),
        (200, b"<html>", MalformedResponse),
        (200, b'{"oauth_token": "t"}', MalformedResponse),
        (200, b"oauth_token=t&oauth_token_secret=s", MalformedResponse),
        (200, b"oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=false", MalformedResponse),
        (200, b"oauth_token=&oauth_token_secret=s&oauth_callback_confirmed=true", MalformedResponse),
        (200, b"oauth_token=t%0A&oauth_token_secret=s&oauth_callback_confirmed=true", MalformedResponse),
        (200, b"\xff\xfe", MalformedResponse),
    ],
)
def test_a_response_without_a_request_token_is_an_error_without_its_text(
    server: HttpServer, status: int, body: bytes, error: type[OAuthError]
) -> None:
    with pytest.raises(error) as raised:
        asked(server, status, body)
    assert "oauth_token=" not in str(raised.value)


def test_the_authorization_url_keeps_its_own_parameters() -> None:
    url = oauth1.authorization_url(PROVIDER, token="t&x=1", scopes=["read", "write"])
    assert url == "https://acme.example/authorize?lang=en&scope=read%2Cwrite&oauth_token=t%26x%3D1"


def test_an_authorization_url_without_tls_is_refused() -> None:
    with pytest.raises(EndpointRefused):
        oauth1.authorization_url(replace(PROVIDER, authorization_url="http://acme.example/"), token="t", scopes=[])


def test_a_refused_verifier_is_an_invalid_grant(server: HttpServer) -> None:
    held = RequestToken("t", "s")
    server.will_answer(401, b"")
    server.will_answer(200, b"oauth_token=a&oauth_token_secret=b&user_id=7&other=x")
    with pytest.raises(InvalidGrant):
        oauth1.access_token(at(server), CONSUMER, request=held, verifier="v")
    token = oauth1.access_token(at(server), CONSUMER, request=held, verifier="v")
    assert (token.access_token, token.kept) == ("a", {"user_id": "7", "oauth_token_secret": "b"})


@pytest.mark.parametrize(
    ("query", "is_one"),
    [
        ("oauth_token=t&oauth_verifier=v", True),
        ("denied=t", True),
        ("state=s&code=c", False),
        ("state=s&oauth_token=t", False),
        ("state=oauth1.x&oauth_token=t", True),
        ("state=oauth1.x&error=access_denied", True),
        ("state=oauth1.x", True),
        ("error=x", False),
        ("", False),
    ],
)
def test_the_two_protocols_are_distinguished(query: str, is_one: bool) -> None:
    assert oauth1.is_callback(query) is is_one


def test_credentials_are_not_in_their_repr() -> None:
    secret = secrets.token_urlsafe(16)
    plain = PlainCredentials({"Authorization": secret}, {"key": secret}, f"/{secret}")
    signed = SignedCredentials(CONSUMER, secret, secret)
    parts = plain.sign(RequestParts("GET", "https://acme.example/x"))
    assert secret not in repr((plain, signed, parts, RequestToken(secret, secret)))


def test_credentials_replace_what_the_caller_sent_under_the_same_name() -> None:
    access = PlainCredentials({"X-Key": "ours"}, {"key": "ours"})
    parts = access.sign(RequestParts("GET", "https://a.example/p?key=theirs&key=again&b=", {"x-key": "theirs"}))
    assert parts.url == "https://a.example/p?b=&key=ours"
    assert parts.headers == {"X-Key": "ours"}


@pytest.mark.parametrize("confirmed", [b"true", b"True", b"TRUE", b"+true"])
def test_a_confirmation_is_compared_without_letter_case(server: HttpServer, confirmed: bytes) -> None:
    body = b"oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=" + confirmed
    assert asked(server, 200, body) == RequestToken("t", "s")


@pytest.mark.parametrize(
    ("query", "token", "error", "description"),
    [
        ("denied=t", "t", "access_denied", ""),
        ("oauth_token=t", "t", "access_denied", ""),
        ("state=oauth1.x&oauth_token=t&oauth_verifier=", "t", "access_denied", ""),
        ("state=oauth1.x", "", "access_denied", ""),
        ("state=oauth1.x&error=access_denied&error_description=The%0Aperson", "", "access_denied", "The person"),
        ("state=oauth1.x&oauth_problem=user_refused", "", "access_denied", ""),
        ("state=oauth1.x&oauth_problem=permission_denied&oauth_problem_advice=No", "", "access_denied", "No"),
        ("oauth_token=t&oauth_problem=token_expired", "t", "token_expired", ""),
        ("denied=t&oauth_verifier=v", "t", "access_denied", ""),
    ],
)
def test_every_form_of_a_denial_is_understood(query: str, token: str, error: str, description: str) -> None:
    callback = oauth1.parse_callback(query)
    assert callback.token == token
    with pytest.raises(AuthorizationDenied) as caught:
        oauth1.verifier_of(callback)
    assert (caught.value.error, caught.value.description) == (error, description)


def test_the_state_of_a_callback_url_comes_back() -> None:
    url = oauth1.with_state("https://specway.example/oauth/callback", "7f-8")
    assert url == "https://specway.example/oauth/callback?state=oauth1.7f-8"
    assert oauth1.with_state(url, "x").count("?") == 1
    assert oauth1.parse_callback(url.partition("?")[2] + "&oauth_token=t&oauth_verifier=v").state == "7f-8"


@pytest.mark.parametrize("query", ["", "state=s", "state=oauth1.x&oauth_verifier=v", "state=oauth1.x&state=oauth1.y"])
def test_a_callback_without_token_is_invalid_unless_it_is_a_denial(query: str) -> None:
    with pytest.raises(InvalidCallback):
        oauth1.parse_callback(query)
