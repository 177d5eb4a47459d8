"""Token responses from public bug reports of other products: what came in, and what is right."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from apps.oauth.conditions import ErrorRule
from apps.oauth.errors import InvalidGrant, OAuthError, TooEarly, UnauthorizedClient, UnrecognizedRefusal
from apps.oauth.expiry import TEN_YEARS
from apps.oauth.paths import Check
from apps.oauth.provider import ProviderConfig
from apps.oauth.scopes import missing
from apps.oauth.token_response import TokenResponse, parse_token_response

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def read(
    status: int, body: object, facts: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> TokenResponse:
    provider = ProviderConfig(
        slug="example",
        name="Example",
        authorization_url="https://service.test/authorize",
        token_url="https://service.test/token",
        **facts,
    )
    return parse_token_response(
        status=status,
        headers={"Content-Type": "application/json", "Date": format_datetime(NOW, usegmt=True)},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        provider=provider,
        held_refresh_token="the-old-one",
    )


def rule(means: Any, **conditions: Any) -> dict[str, Any]:
    return {"error_rules": (ErrorRule(means, **conditions),)}


NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FACEBOOK = {"error": {"type": "OAuthException", "code": 190, "error_subcode": 460}}
EARLY = {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"}


@pytest.mark.parametrize(
    ("status", "body", "facts", "kind", "description"),
    [
        (
            403,
            {"error": "unauthorized_client", "error_description": "refresh_token is invalid"},
            {},
            UnauthorizedClient,
            "refresh_token is invalid",
        ),
        (
            400,
            {"error": "invalid_request", "error_description": "Value passed for the token was invalid."},
            {},
            UnrecognizedRefusal,
            "Value passed for the token was invalid.",
        ),
        (
            400,
            {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"},
            rule("invalid_grant", path="status", values=("BAD_REFRESH_TOKEN",)),
            InvalidGrant,
            "missing or invalid refresh token",
        ),
        (
            400,
            {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"},
            {},
            UnrecognizedRefusal,
            "missing or invalid refresh token",
        ),
        (
            400,
            {"error": "interaction_required", "suberror": "basic_action"},
            rule("invalid_grant", path="error", values=("interaction_required",)),
            InvalidGrant,
            "",
        ),
        (400, FACEBOOK, rule("invalid_grant", path="error.error_subcode", values=(458, 460)), InvalidGrant, ""),
        (
            200,
            {"ok": False, "error": "account_inactive"},
            {"success_check": Check("ok", True)}
            | rule("invalid_grant", path="error", values=("account_inactive", "token_expired")),
            InvalidGrant,
            "",
        ),
        (
            200,
            b"error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect+or+expired.",
            {"error_aliases": {"bad_refresh_token": "invalid_grant"}},
            InvalidGrant,
            "The refresh token passed is incorrect or expired.",
        ),
        (
            200,
            b"error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect+or+expired.",
            {},
            UnrecognizedRefusal,
            "The refresh token passed is incorrect or expired.",
        ),
        (400, EARLY, rule("too_early", description="access_token not expired"), TooEarly, EARLY["error_description"]),
    ],
    ids=["Atlassian", "X", "HubSpot", "HubSpot, custom", "Microsoft", "Facebook", "Slack", "GitHub ES",
         "GitHub ES, custom", "Exact Online"],
)  # fmt: skip
def test_a_refusal_means_what_the_service_means(
    status: int, body: object, facts: dict[str, Any], kind: type[OAuthError], description: str
) -> None:
    with pytest.raises(OAuthError) as caught:
        read(status, body, facts)
    assert type(caught.value) is kind
    if description:
        assert getattr(caught.value, "description", None) == description


@pytest.mark.parametrize(
    ("requested", "facts", "scope"),
    [
        (["read", "write"], {}, "read,write"),
        (["boards:read", "pins:read"], {"scope_separator": ","}, "boards:read pins:read"),
        (["User.Read"], {"scopes_are_case_sensitive": False}, "user.read"),
    ],
    ids=["JupyterHub", "Pinterest", "Microsoft"],
)
def test_granted_scopes_are_not_missing(requested: list[str], facts: dict[str, Any], scope: str) -> None:
    granted = read(200, {"access_token": "a", "scope": scope}, facts).scopes
    assert granted is not None
    provider = ProviderConfig(slug="x", name="X", authorization_url="", token_url="", **facts)
    assert missing(wanted=requested, granted=granted, provider=provider) == []


@pytest.mark.parametrize("token_type", ["BearerToken", "", "JWT", "User Access Token", None, 7])
def test_a_token_of_any_type_is_accepted(token_type: object) -> None:
    assert read(200, {"access_token": "a", "token_type": token_type}, {}).access_token == "a"


def test_a_unix_time_in_expires_in_is_a_moment() -> None:
    moment = int(NOW.timestamp()) + 3600
    assert read(200, {"access_token": "a", "expires_in": moment}, {}).expires_in == 3600
    assert read(200, {"access_token": "a", "expires_in": 10**10}, {}).expires_in == TEN_YEARS
