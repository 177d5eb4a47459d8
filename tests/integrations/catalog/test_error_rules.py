"""What the refusals of real services mean, by the error rules of the catalog."""

import json
from typing import Any

import pytest

from apps.oauth.documents import read_body
from apps.oauth.errors import InvalidClient, InvalidGrant, OAuthError, ProviderFault, SlowDown, TooEarly
from apps.oauth.refusals import refusal
from tests.integrations.catalog.test_most_used import config_of

UNUSABLE = "Value passed for the token was invalid."
CASES: list[tuple[str, int, dict[str, Any], type[OAuthError]]] = [
    (
        "atlassian",
        403,
        {"error": "unauthorized_client", "error_description": "refresh_token is invalid"},
        InvalidGrant,
    ),
    (
        "x",
        400,
        {"error": "invalid_request", "error_description": "Value passed for the token was invalid."},
        InvalidGrant,
    ),
    ("hubspot", 400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}, InvalidGrant),
    ("hubspot", 429, {"status": "error", "errorType": "RATE_LIMIT"}, SlowDown),
    ("microsoft-graph", 400, {"error": "interaction_required", "suberror": "basic_action"}, InvalidGrant),
    ("microsoft-outlook", 401, {"error": "invalid_client", "error_codes": [7000222]}, InvalidClient),
    ("microsoft-teams", 400, {"error": "other", "error_codes": [50173]}, InvalidGrant),
    ("facebook", 400, {"error": {"type": "OAuthException", "code": 190, "error_subcode": 460}}, InvalidGrant),
    ("facebook", 400, {"error": {"type": "OAuthException", "code": 4}}, SlowDown),
    ("instagram", 500, {"error": {"code": 2}}, ProviderFault),
    ("slack", 200, {"ok": False, "error": "account_inactive"}, InvalidGrant),
    ("slack", 200, {"ok": False, "error": "token_expired"}, InvalidGrant),
    ("slack", 200, {"ok": False, "error": "internal_error"}, ProviderFault),
    (
        "exact-online",
        400,
        {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"},
        TooEarly,
    ),
    ("zoho-crm", 200, {"error": "invalid_code"}, InvalidGrant),
    ("zoho-crm", 400, {"error": "Access Denied", "error_description": "You have made too many requests"}, SlowDown),
    ("square", 401, {"type": "service.not_authorized", "message": "Invalid refresh token"}, InvalidGrant),
    ("strava", 400, {"message": "Bad Request", "errors": [{"resource": "RefreshToken"}]}, InvalidGrant),
    ("github", 200, {"error": "bad_refresh_token"}, InvalidGrant),
    (
        "hubspot",
        400,
        {"status": "BAD_HUB", "error": "access_denied", "message": "missing or unknown hub id"},
        InvalidGrant,
    ),
    ("servicenow", 401, {"error": "server_error", "error_description": "access_denied"}, InvalidGrant),
    ("twitch", 400, {"error": "Bad Request", "status": 400, "message": "Invalid refresh token"}, InvalidGrant),
    ("withings", 200, {"status": 503, "error": "Invalid Params: invalid refresh_token"}, InvalidGrant),
    (
        "shopify",
        401,
        {"error": "invalid_request", "error_description": "It needs an active refresh_token"},
        InvalidGrant,
    ),
    ("wechat", 200, {"errcode": 42007, "errmsg": "access_token expired"}, InvalidGrant),
    ("reddit", 400, {"error": 400, "message": "Bad Request"}, InvalidGrant),
    ("feishu", 200, {"code": 20037, "error_description": "The refresh token is over"}, InvalidGrant),
    ("arcgis", 200, {"error": {"code": 498, "message": "Invalid refresh_token"}}, InvalidGrant),
    ("bitbucket", 400, {"error": "invalid_request", "error_description": "Invalid refresh_token"}, InvalidGrant),
    (
        "exact-online",
        401,
        {"error": "unauthorized_client", "error_description": "Old refresh token used."},
        InvalidGrant,
    ),
    ("google-drive", 400, {"error": "rate_limit_exceeded"}, SlowDown),
    ("google-drive", 400, {"error": "internal_failure"}, ProviderFault),
    ("microsoft-graph", 400, {"error": "invalid_grant", "error_codes": [50196]}, SlowDown),
    ("jira", 401, {"error": "access_denied", "error_description": "Unauthorized"}, InvalidClient),
    ("zoho-crm", 200, {"error": "invalid_client_secret"}, InvalidClient),
]


@pytest.mark.parametrize(("slug", "status", "body", "expected"), CASES)
def test_a_refusal_of_the_service_is_understood(
    slug: str, status: int, body: dict[str, Any], expected: type[OAuthError]
) -> None:
    provider = config_of(slug)
    content = read_body(json.dumps(body).encode())
    assert type(refusal(status, {}, content, provider, secrets=())) is expected


def test_exact_online_is_not_refreshed_before_it_allows_it() -> None:
    config = config_of("exact-online")
    assert config.earliest_refresh == 570
    assert config.refresh_margin is not None
    assert config.refresh_margin <= 30
