"""Each provider's consent address and endpoints, against literals written by hand from the vendors' pages."""

from urllib.parse import parse_qs, urlsplit

import pytest

from apps import egress
from apps.egress import destination
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.provider_config import links, provider_config
from apps.integrations.models import Integration, OAuthApp
from apps.oauth.authorization import authorization_url
from apps.oauth.provider import ClientCredentials, ProviderConfig

CALLBACK = "http://127.0.0.1:8000/oauth/callback"
BACK = "redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Foauth%2Fcallback"
PKCE = "&code_challenge=c&code_challenge_method=S256"

EXPECTED = {
    "github": (
        f"https://github.com/login/oauth/authorize?response_type=code&client_id=id&{BACK}&state=s&scope=read%3Auser{PKCE}"
    ),
    "google-drive": (
        "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent&response_type=code&client_id=id"
        f"&{BACK}&state=s&scope=openid+email+https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fdrive.file{PKCE}"
    ),
    "slack": f"https://slack.com/oauth/v2/authorize?response_type=code&client_id=id&{BACK}&state=s&scope=users%3Aread",
    "notion": f"https://api.notion.com/v1/oauth/authorize?owner=user&response_type=code&client_id=id&{BACK}&state=s",
    "microsoft-graph": (
        "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?response_mode=query&prompt=select_account"
        f"&response_type=code&client_id=id&{BACK}&state=s&scope=openid+profile+offline_access+User.Read{PKCE}"
    ),
    "sandbox": (
        f"http://127.0.0.1:8100/o/authorize/?response_type=code&client_id=id&{BACK}&state=s"
        f"&scope=profile+messages%3Aread{PKCE}"
    ),
}


def config_of(slug: str, **params: str) -> ProviderConfig:
    app = OAuthApp(params={"origin": "http://127.0.0.1:8100"} if slug == "sandbox" else {})
    return provider_config(Integration(slug=slug, name=slug), oauth_app=app, params=params)


def consent_address(slug: str, *scopes: str, **params: str) -> str:
    config = config_of(slug, **params)
    return authorization_url(
        config,
        ClientCredentials("id"),
        redirect_uri=CALLBACK,
        state="s",
        scopes=scopes or catalog()[slug].default_scopes,
        code_challenge="c" if config.pkce else None,
    )


@pytest.fixture(autouse=True)
def sandbox_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    egress.configure(allowed_hosts=["127.0.0.1:8100"])


@pytest.mark.parametrize("slug", sorted(EXPECTED))
def test_the_consent_address_asks_for_exactly_the_suggested_permissions(slug: str) -> None:
    assert consent_address(slug) == EXPECTED[slug]


def test_slack_separates_permissions_by_commas() -> None:
    query = parse_qs(urlsplit(consent_address("slack", "users:read", "chat:write")).query)
    assert query["scope"] == ["users:read,chat:write"]


def test_a_tenant_id_replaces_common() -> None:
    address = consent_address("microsoft-graph", tenant="contoso.onmicrosoft.com")
    assert address.startswith("https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/authorize?")


@pytest.mark.parametrize(
    ("slug", "token_url", "auth_method", "rotation", "account_url", "api_base_url"),
    [
        ("github", "https://github.com/login/oauth/access_token", "client_secret_post", "strict",
         "https://api.github.com/user", "https://api.github.com"),
        ("google-drive", "https://oauth2.googleapis.com/token", "client_secret_post", "none",
         "https://openidconnect.googleapis.com/v1/userinfo", "https://www.googleapis.com/drive/v3"),
        ("slack", "https://slack.com/api/oauth.v2.access", "client_secret_post", "strict",
         "https://slack.com/api/auth.test", "https://slack.com/api"),
        ("notion", "https://api.notion.com/v1/oauth/token", "client_secret_basic", "strict",
         "https://api.notion.com/v1/users/me", "https://api.notion.com/v1"),
        ("microsoft-graph", "https://login.microsoftonline.com/common/oauth2/v2.0/token", "client_secret_post", "grace",
         "https://graph.microsoft.com/v1.0/me", "https://graph.microsoft.com/v1.0"),
        ("sandbox", "http://127.0.0.1:8100/o/token/", "client_secret_basic", "strict",
         "http://127.0.0.1:8100/api/me", "http://127.0.0.1:8100/api"),
    ],
)  # fmt: skip
def test_the_endpoints_are_those_of_the_vendor(
    slug: str, token_url: str, auth_method: str, rotation: str, account_url: str, api_base_url: str
) -> None:
    config = config_of(slug)
    assert config.account is not None
    assert (config.token_url, config.token_endpoint_auth_method, config.rotation) == (token_url, auth_method, rotation)
    assert (config.account.url, config.api_base_url) == (account_url, api_base_url)


def test_the_sandbox_must_name_itself_as_issuer() -> None:
    config = config_of("sandbox")
    assert (config.issuer, config.iss_required) == ("http://127.0.0.1:8100", True)


def test_github_revokes_by_a_call_of_its_own() -> None:
    revocation = config_of("github").revocation
    assert revocation is not None
    assert revocation.url == "https://api.github.com/applications/{client_id}/grant"
    assert (revocation.method, revocation.token_parameter, revocation.success_statuses) == (
        "DELETE",
        "access_token",
        (204,),
    )


def test_microsoft_has_no_revocation_that_leaves_the_persons_other_sessions_alone() -> None:
    assert config_of("microsoft-graph").revocation is None


def test_unreported_scopes_are_ignored_when_comparing() -> None:
    assert "offline_access" in config_of("microsoft-graph").ignored_scopes
    assert config_of("google-drive").scope_aliases["https://www.googleapis.com/auth/userinfo.email"] == "email"


def test_pages_that_need_a_value_of_the_oauth_app_are_empty_without_it() -> None:
    entry = catalog()["sandbox"]
    assert links(entry, None).manage_url == ""
    assert links(entry, OAuthApp(params={"origin": "javascript:alert(1)"})).manage_url == ""
    assert links(entry, OAuthApp(params={"origin": "http://127.0.0.1:8100"})).manage_url == "http://127.0.0.1:8100/"
