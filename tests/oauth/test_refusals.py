"""Responses without a token: the provider's error rules, what no rule knows, and what is shown of them."""

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest

from apps.oauth import token_request
from apps.oauth.conditions import ErrorRule
from apps.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    MalformedResponse,
    OAuthError,
    ProviderFault,
    SlowDown,
    TokenError,
    TooEarly,
    UnauthorizedClient,
    UnrecognizedRefusal,
)
from apps.oauth.paths import Check
from apps.oauth.provider import ClientCredentials, ProviderConfig
from apps.oauth.token_response import parse_token_response
from tests.servers import HttpServer

PROVIDER = ProviderConfig(
    slug="example",
    name="Example",
    authorization_url="https://service.test/authorize",
    token_url="https://service.test/token",
)


def refused(
    body: object, *rules: ErrorRule, status: int = 400, content_type: str = "application/json", **facts: Any
) -> OAuthError:
    with pytest.raises(OAuthError) as caught:
        parse_token_response(
            status=status,
            headers={"Content-Type": content_type, "Retry-After": "30"},
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            provider=replace(PROVIDER, error_rules=rules, **facts),
            secrets=("s3cret-that-was-sent",),
        )
    return caught.value


# --- Rules ----------------------------------------------------------------------------------------------------------

FACEBOOK = {"error": {"type": "OAuthException", "code": 190, "error_subcode": 460, "message": "Password changed"}}
MICROSOFT = {"error": "invalid_request", "error_codes": [50196, 700082], "suberror": "basic_action"}


@pytest.mark.parametrize(
    ("rule", "status", "body"),
    [
        (ErrorRule("invalid_grant", path="error.code", values=(190,)), 400, FACEBOOK),
        (ErrorRule("invalid_grant", path="error.code", values=("190",)), 400, FACEBOOK),
        (ErrorRule("invalid_grant", path="error.error_subcode", values=(458, 460)), 400, FACEBOOK),
        (ErrorRule("invalid_grant", path="error_codes", values=(700082,)), 400, MICROSOFT),
        (ErrorRule("invalid_grant", path="error_codes[1]", values=(700082,)), 400, MICROSOFT),
        (ErrorRule("invalid_grant", path="suberror", values=("basic_action",)), 400, MICROSOFT),
        (ErrorRule("invalid_grant", path="suberror"), 400, MICROSOFT),
        (
            ErrorRule("invalid_grant", path="status", values=("BAD_REFRESH_TOKEN",)),
            400,
            {"status": "BAD_REFRESH_TOKEN"},
        ),
        (ErrorRule("invalid_grant", path="errors[0].code", values=("R",)), 401, {"errors": [{"code": "R"}]}),
        (ErrorRule("invalid_grant", path="code", values=(20026,)), 200, {"code": 20026, "msg": "bad"}),
        (ErrorRule("invalid_grant", path="revoked", values=(True,)), 400, {"revoked": True}),
        (ErrorRule("invalid_grant", path="error", values=("account_inactive",)), 200, {"error": "account_inactive"}),
        (ErrorRule("invalid_grant", statuses=(500,), path="error", values=("gone",)), 500, {"error": "gone"}),
        (ErrorRule("invalid_grant", statuses=(403, 410)), 410, b""),
        (ErrorRule("invalid_grant", description="token WAS invalid"), 400, {"a": [{"b": "The token was invalid."}]}),
        (ErrorRule("invalid_grant", statuses=(400,), description="refresh token"), 400, b"Bad refresh token"),
        (ErrorRule("invalid_grant", path="error", values=("bad",)), 200, b"error=bad&error_description=x"),
    ],
)
def test_a_rule_matches_by_status_path_value_and_description(rule: ErrorRule, status: int, body: object) -> None:
    assert isinstance(refused(body, rule, status=status), InvalidGrant)
    assert not isinstance(refused(body, status=status), InvalidGrant)


@pytest.mark.parametrize(
    "rule",
    [
        ErrorRule("invalid_client", path="error.code", values=(19, 1900)),
        ErrorRule("invalid_client", path="error.code", values=(True,)),
        ErrorRule("invalid_client", path="error.code.deeper"),
        ErrorRule("invalid_client", path="error", values=("OAuthException",)),
        ErrorRule("invalid_client", statuses=(401,), path="error.code", values=(190,)),
        ErrorRule("invalid_client", path="error.code", values=(190,), description="other words"),
        ErrorRule("invalid_client", path="absent"),
        ErrorRule("invalid_client"),
    ],
)
def test_a_rule_matches_only_if_all_its_conditions_hold(rule: ErrorRule) -> None:
    assert isinstance(refused(FACEBOOK, rule), UnrecognizedRefusal)


@pytest.mark.parametrize(
    ("means", "kind"),
    [
        ("invalid_grant", InvalidGrant),
        ("invalid_client", InvalidClient),
        ("slow_down", SlowDown),
        ("too_early", TooEarly),
        ("temporarily_unavailable", ProviderFault),
    ],
)
def test_each_meaning_has_its_error(means: Any, kind: type[OAuthError]) -> None:
    error = refused({"error": "theirs", "message": "Some words"}, ErrorRule(means, path="error"))
    assert type(error) is kind
    if isinstance(error, ProviderFault):
        assert error.retry_after == 30


def test_the_first_matching_rule_decides_before_status_code_and_aliases() -> None:
    rules = (ErrorRule("too_early", description="not expired"), ErrorRule("invalid_grant", path="error"))
    early = {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"}
    aliases = {"access_denied": "invalid_client"}
    assert isinstance(refused(early, *rules, error_aliases=aliases), TooEarly)
    assert isinstance(refused({"error": "access_denied"}, *rules, error_aliases=aliases), InvalidGrant)
    assert isinstance(refused({"error": "access_denied"}, error_aliases=aliases), InvalidClient)
    assert isinstance(refused({"error": "theirs"}, ErrorRule("slow_down", path="error"), status=503), SlowDown)


def test_a_usable_token_is_kept_whatever_the_rules_say() -> None:
    rule = ErrorRule("invalid_grant", statuses=(200,))
    provider = replace(PROVIDER, error_rules=(rule,))
    read = parse_token_response(status=200, headers={}, body=b'{"access_token": "a"}', provider=provider)
    assert read.access_token == "a"


@pytest.mark.parametrize("code", ["account_inactive", "token_expired"])
def test_a_failed_success_check_is_read_by_rules_and_aliases(code: str) -> None:
    facts = {"success_check": Check("ok", True), "error_aliases": {"account_inactive": "invalid_grant"}}
    rule = ErrorRule("invalid_grant", path="error", values=("token_expired",))
    assert isinstance(refused({"ok": False, "error": code}, rule, status=200, **facts), InvalidGrant)


def test_slow_down_is_known_by_its_code_too() -> None:
    assert isinstance(refused({"error": "slow_down"}), SlowDown)


# --- Refusals that are not understood -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422, 451, 499])
@pytest.mark.parametrize("body", [b"", b"<html>Not here</html>", b"{}", b"[]", b'{"message": "no"}', b"\xff", b"no"])
def test_a_4xx_without_an_error_code_is_an_unrecognized_refusal(status: int, body: bytes) -> None:
    error = refused(body, status=status)
    assert type(error) is UnrecognizedRefusal
    assert (error.status, error.code, error.has_code) == (status, f"http_{status}", False)


@pytest.mark.parametrize("code", ["invalid_request", "unsupported_grant_type", "interaction_required"])
@pytest.mark.parametrize("status", [200, 400, 403])
def test_an_error_code_without_a_known_meaning_is_an_unrecognized_refusal(status: int, code: str) -> None:
    error = refused({"error": code, "error_description": "Value passed for the token was invalid."}, status=status)
    assert type(error) is UnrecognizedRefusal
    assert (error.status, error.code, error.has_code) == (status, code, True)
    assert error.description == "Value passed for the token was invalid."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (408, b"", ProviderFault),
        (425, b"", ProviderFault),
        (429, b"", ProviderFault),
        (500, b'{"error": "invalid_grant"}', ProviderFault),
        (302, b"", MalformedResponse),
        (200, b"", MalformedResponse),
        (200, b"<html>", MalformedResponse),
        (200, b"{}", MalformedResponse),
        (204, b"", MalformedResponse),
    ],
)
def test_other_statuses_are_no_refusal(status: int, body: bytes, kind: type[OAuthError]) -> None:
    assert type(refused(body, status=status)) is kind


def test_a_form_encoded_refusal_is_read_whatever_the_content_type() -> None:
    body = b"error=bad_refresh_token&error_description=The+refresh+token+has+expired."
    error = refused(body, status=200, content_type="text/html")
    assert isinstance(error, UnrecognizedRefusal)
    assert (error.code, error.description) == ("bad_refresh_token", "The refresh token has expired.")
    assert isinstance(refused(body, status=200, error_aliases={"bad_refresh_token": "invalid_grant"}), InvalidGrant)


def test_a_known_code_keeps_the_services_own_words() -> None:
    error = refused({"error": "unauthorized_client", "error_description": "refresh_token is invalid"}, status=403)
    assert isinstance(error, UnauthorizedClient)
    assert (error.status, error.description) == (403, "refresh_token is invalid")


# --- The services' own words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "x", "error_description": "Two\r\nlines\x00"}, "Two lines"),
        ({"error": {"message": "In an object"}}, "In an object"),
        ({"errors": [{"detail": "In a list"}]}, "In a list"),
        ({"errors": ["Only text"]}, "Only text"),
        ({"error": "Bad things happened"}, "Bad things happened"),
        ({"message": "w" * 10 + " " + "word " * 200}, ("w" * 10 + " " + "word " * 200)[:300]),
        ({"unknown": "field"}, ""),
        (b"Plain text.", "Plain text."),
        (b"<html><body>page</body></html>", ""),
        (b"", ""),
    ],
)
def test_words_are_one_bounded_line(body: object, words: str) -> None:
    error = refused(body)
    assert isinstance(error, TokenError)
    assert error.description == words


@pytest.mark.parametrize(
    "text",
    [
        "token s3cret-that-was-sent is bad",
        "token S3CRET-THAT-WAS-SENT is bad",
        "token s3cret-that-w is bad",
        "token prefix:s3cret-that-was is bad",
        "token 8b88599e8eb84757f5b471adcd39d618 is bad",
        "token eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl is bad",
    ],
)
def test_words_contain_neither_what_was_sent_nor_what_looks_like_a_token(text: str) -> None:
    for body in ({"error": "x", "error_description": text}, text.encode()):
        error = refused(body)
        assert isinstance(error, TokenError)
        assert error.description == "token … is bad"


def test_a_token_request_masks_everything_secret_that_it_sent(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    token = f"a+b/{secrets.token_urlsafe(5)}"
    words = f"bad {token} of {credentials.client_secret}"
    server.will_answer(400, json.dumps({"error": "x", "error_description": words}).encode())
    for method in ("client_secret_basic", "client_secret_post"):
        wants = replace(provider, token_endpoint_auth_method=method)  # type: ignore[arg-type]
        with pytest.raises(UnrecognizedRefusal) as caught:
            token_request.refresh(wants, credentials, refresh_token=token)
        assert caught.value.description == "bad … of …"
        assert token not in repr(caught.value)
