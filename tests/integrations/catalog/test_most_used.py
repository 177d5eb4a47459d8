"""The services that most people use, against literals written by hand from the vendors' pages: never computed."""

from typing import NamedTuple

import pytest

from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.models import Integration, OAuthApp
from apps.oauth.authorization import authorization_url
from apps.oauth.provider import ClientCredentials, ProviderConfig, access_headers
from tests.integrations.recorded import examples, toml_of

# What every consent address ends with, before the permissions and the challenge.
ASK = "response_type=code&client_id=id&redirect_uri=https%3A%2F%2Fus.example%2Fcb&state=s"
PKCE = "&code_challenge=c&code_challenge_method=S256"
GOOGLE = f"https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent&{ASK}"
MICROSOFT = (
    "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/authorize"
    f"?response_mode=query&prompt=select_account&{ASK}"
)
ATLASSIAN = f"https://auth.atlassian.com/authorize?audience=api.atlassian.com&prompt=consent&{ASK}"
G = "https%3A%2F%2Fwww.googleapis.com%2Fauth%2F"
BEARER = {"Authorization": "Bearer t"}


class Expected(NamedTuple):
    """What is sent where: the consent page; the token endpoint and how (authentication, body); who it is; the API."""

    consent: str
    token: str
    how: tuple[str, str]
    rotation: str
    account: str | None
    label: str | None
    api: str
    headers: dict[str, str] = BEARER


POST, BASIC = ("client_secret_post", "form"), ("client_secret_basic", "form")
POST_JSON = ("client_secret_post", "json")
GOOGLE_TOKEN, GOOGLE_ME = "https://oauth2.googleapis.com/token", "https://openidconnect.googleapis.com/v1/userinfo"
MICROSOFT_TOKEN = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
GRAPH = "https://graph.microsoft.com/v1.0"

EXPECTED = {
    "airtable": Expected(
        f"https://airtable.com/oauth2/v1/authorize?{ASK}&scope=user.email%3Aread{PKCE}",
        "https://airtable.com/oauth2/v1/token", BASIC, "strict",
        "https://api.airtable.com/v0/meta/whoami", "email", "https://api.airtable.com/v0",
    ),
    "asana": Expected(
        f"https://app.asana.com/-/oauth_authorize?{ASK}&scope=users%3Aread{PKCE}",
        "https://app.asana.com/-/oauth_token", POST, "none",
        "https://app.asana.com/api/1.0/users/me", "data.email", "https://app.asana.com/api/1.0",
    ),
    "atlassian": Expected(
        f"{ATLASSIAN}&scope=read%3Ame+offline_access",
        "https://auth.atlassian.com/oauth/token", POST_JSON, "strict",
        "https://api.atlassian.com/me", "email", "https://api.atlassian.com",
    ),
    "box": Expected(
        f"https://account.box.com/api/oauth2/authorize?{ASK}&scope=root_readonly",
        "https://api.box.com/oauth2/token", POST, "strict",
        "https://api.box.com/2.0/users/me", "login", "https://api.box.com/2.0",
    ),
    "calendly": Expected(
        f"https://auth.calendly.com/oauth/authorize?{ASK}&scope=users%3Aread{PKCE}",
        "https://auth.calendly.com/oauth/token", BASIC, "strict",
        "https://api.calendly.com/users/me", "resource.email", "https://api.calendly.com",
    ),
    "canva": Expected(
        f"https://www.canva.com/api/oauth/authorize?{ASK}&scope=profile%3Aread{PKCE}",
        "https://api.canva.com/rest/v1/oauth/token", BASIC, "strict",
        "https://api.canva.com/rest/v1/users/me", "team_user.user_id", "https://api.canva.com/rest/v1",
    ),
    "clickup": Expected(
        f"https://app.clickup.com/api?{ASK}",
        "https://api.clickup.com/api/v2/oauth/token", POST, "none",
        "https://api.clickup.com/api/v2/user", "user.email", "https://api.clickup.com/api/v2",
    ),
    "confluence": Expected(
        f"{ATLASSIAN}&scope=read%3Ame+read%3Aconfluence-content.summary+offline_access",
        "https://auth.atlassian.com/oauth/token", POST_JSON, "strict",
        "https://api.atlassian.com/me", "email",
        "https://api.atlassian.com/ex/confluence/11223344-a1b2-3b33-c444-def123456789",
    ),
    "discord": Expected(
        f"https://discord.com/oauth2/authorize?permissions=274878024768&{ASK}&scope=identify{PKCE}",
        "https://discord.com/api/oauth2/token", POST, "strict",
        "https://discord.com/api/v10/users/@me", "username", "https://discord.com/api/v10",
    ),
    "docusign": Expected(
        f"https://account-d.docusign.com/oauth/auth?{ASK}&scope=signature+extended{PKCE}",
        "https://account-d.docusign.com/oauth/token", BASIC, "strict",
        "https://account-d.docusign.com/oauth/userinfo", "email", "https://na3.docusign.net/restapi/v2.1",
    ),
    "dropbox": Expected(
        f"https://www.dropbox.com/oauth2/authorize?token_access_type=offline&{ASK}&scope=account_info.read{PKCE}",
        "https://api.dropboxapi.com/oauth2/token", POST, "none",
        "https://api.dropboxapi.com/2/users/get_current_account", "email", "https://api.dropboxapi.com/2",
    ),
    "facebook": Expected(
        f"https://www.facebook.com/v25.0/dialog/oauth?{ASK}&scope=public_profile",
        "https://graph.facebook.com/v25.0/oauth/access_token", POST, "none",
        "https://graph.facebook.com/me?fields=id,name", "name", "https://graph.facebook.com/v25.0",
    ),
    "figma": Expected(
        f"https://www.figma.com/oauth?{ASK}&scope=current_user%3Aread{PKCE}",
        "https://api.figma.com/v1/oauth/token", BASIC, "none",
        "https://api.figma.com/v1/me", "email", "https://api.figma.com/v1",
    ),
    "gitlab": Expected(
        f"https://gitlab.example.com/oauth/authorize?{ASK}&scope=read_user{PKCE}",
        "https://gitlab.example.com/oauth/token", POST, "strict",
        "https://gitlab.example.com/api/v4/user", "username", "https://gitlab.example.com/api/v4",
    ),
    "gmail": Expected(
        f"{GOOGLE}&scope=openid+email+{G}gmail.readonly{PKCE}",
        GOOGLE_TOKEN, POST, "none", GOOGLE_ME, "email", "https://gmail.googleapis.com",
    ),
    "google-calendar": Expected(
        f"{GOOGLE}&scope=openid+email+{G}calendar.events.readonly{PKCE}",
        GOOGLE_TOKEN, POST, "none", GOOGLE_ME, "email", "https://www.googleapis.com/calendar/v3",
    ),
    "google-sheets": Expected(
        f"{GOOGLE}&scope=openid+email+{G}spreadsheets.readonly{PKCE}",
        GOOGLE_TOKEN, POST, "none", GOOGLE_ME, "email", "https://sheets.googleapis.com/v4",
    ),
    "hubspot": Expected(
        f"https://app.hubspot.com/oauth/authorize?{ASK}&scope=oauth",
        "https://api.hubapi.com/oauth/2026-03/token", POST, "none",
        "https://api.hubapi.com/oauth/2026-03/token/introspect", "hub_domain", "https://api.hubapi.com",
    ),
    "instagram": Expected(
        f"https://www.instagram.com/oauth/authorize?{ASK}&scope=instagram_business_basic",
        "https://api.instagram.com/oauth/access_token", POST, "strict",
        "https://graph.instagram.com/me?fields=user_id,username", "username", "https://graph.instagram.com",
    ),
    "intercom": Expected(
        f"https://app.intercom.com/oauth?{ASK}",
        "https://api.intercom.io/auth/eagle/token", POST, "none",
        "https://api.intercom.io/me", "app.name", "https://api.intercom.io",
        {**BEARER, "Intercom-Version": "2.14"},
    ),
    "jira": Expected(
        f"{ATLASSIAN}&scope=read%3Ame+read%3Ajira-work+offline_access",
        "https://auth.atlassian.com/oauth/token", POST_JSON, "strict",
        "https://api.atlassian.com/me", "email",
        "https://api.atlassian.com/ex/jira/11223344-a1b2-3b33-c444-def123456789",
    ),
    "klaviyo": Expected(
        f"https://www.klaviyo.com/oauth/authorize?{ASK}&scope=accounts%3Aread{PKCE}",
        "https://a.klaviyo.com/oauth/token", BASIC, "strict",
        "https://a.klaviyo.com/api/accounts", "data[0].attributes.contact_information.organization_name",
        "https://a.klaviyo.com/api", {**BEARER, "revision": "2026-07-15"},
    ),
    "linear": Expected(
        f"https://linear.app/oauth/authorize?prompt=consent&{ASK}&scope=read{PKCE}",
        "https://api.linear.app/oauth/token", POST, "strict",
        "https://api.linear.app/graphql", "data.viewer.email", "https://api.linear.app",
    ),
    "linkedin": Expected(
        f"https://www.linkedin.com/oauth/v2/authorization?{ASK}&scope=openid+profile",
        "https://www.linkedin.com/oauth/v2/accessToken", POST, "none",
        "https://api.linkedin.com/v2/userinfo", "name", "https://api.linkedin.com",
        {**BEARER, "LinkedIn-Version": "202607", "X-Restli-Protocol-Version": "2.0.0"},
    ),
    "mailchimp": Expected(
        f"https://login.mailchimp.com/oauth2/authorize?{ASK}",
        "https://login.mailchimp.com/oauth2/token", POST, "none",
        "https://login.mailchimp.com/oauth2/metadata", "accountname", "https://us6.api.mailchimp.com/3.0",
    ),
    "microsoft-outlook": Expected(
        f"{MICROSOFT}&scope=openid+profile+offline_access+User.Read+Mail.ReadBasic{PKCE}",
        MICROSOFT_TOKEN, POST, "grace", f"{GRAPH}/me", "userPrincipalName", GRAPH,
    ),
    "microsoft-teams": Expected(
        f"{MICROSOFT}&scope=openid+profile+offline_access+User.Read+Team.ReadBasic.All{PKCE}",
        MICROSOFT_TOKEN, POST, "grace", f"{GRAPH}/me", "userPrincipalName", GRAPH,
    ),
    "miro": Expected(
        f"https://miro.com/oauth/authorize?{ASK}&scope=boards%3Aread",
        "https://api.miro.com/v1/oauth/token", POST, "strict",
        "https://api.miro.com/v1/oauth-token", "user.name", "https://api.miro.com/v2",
    ),
    "monday": Expected(
        f"https://auth.monday.com/oauth2/authorize?{ASK}&scope=me%3Aread{PKCE}",
        "https://auth.monday.com/oauth_ms/oauth/token", POST, "strict",
        "https://api.monday.com/v2", "data.me.email", "https://api.monday.com/v2",
        {"Authorization": "t", "API-Version": "2026-10"},
    ),
    "pipedrive": Expected(
        f"https://oauth.pipedrive.com/oauth/authorize?{ASK}",
        "https://oauth.pipedrive.com/oauth/token", BASIC, "none",
        "https://acme.pipedrive.com/api/v1/users/me", "data.email", "https://acme.pipedrive.com/api",
    ),
    "quickbooks": Expected(
        f"https://appcenter.intuit.com/connect/oauth2?{ASK}&scope=com.intuit.quickbooks.accounting",
        "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer", BASIC, "strict",
        "https://quickbooks.api.intuit.com/v3/company/9130347957983546/companyinfo/9130347957983546",
        "CompanyInfo.CompanyName", "https://quickbooks.api.intuit.com/v3/company/9130347957983546",
    ),
    "salesforce": Expected(
        f"https://acme.my.salesforce.com/services/oauth2/authorize?{ASK}&scope=openid+refresh_token{PKCE}",
        "https://acme.my.salesforce.com/services/oauth2/token", POST, "strict",
        "https://acme.my.salesforce.com/services/oauth2/userinfo", "preferred_username",
        "https://acme.my.salesforce.com",
    ),
    "shopify": Expected(
        f"https://acme-store.myshopify.com/admin/oauth/authorize?{ASK}&scope=read_products",
        "https://acme-store.myshopify.com/admin/oauth/access_token", POST, "grace",
        "https://acme-store.myshopify.com/admin/api/2026-10/graphql.json", "data.shop.name",
        "https://acme-store.myshopify.com/admin/api/2026-10", {"X-Shopify-Access-Token": "t"},
    ),
    "spotify": Expected(
        f"https://accounts.spotify.com/authorize?{ASK}&scope=user-read-private{PKCE}",
        "https://accounts.spotify.com/api/token", BASIC, "none",
        "https://api.spotify.com/v1/me", "display_name", "https://api.spotify.com/v1",
    ),
    "square": Expected(
        f"https://connect.squareup.com/oauth2/authorize?session=false&{ASK}&scope=MERCHANT_PROFILE_READ",
        "https://connect.squareup.com/oauth2/token", POST_JSON, "none",
        "https://connect.squareup.com/v2/merchants/me", "merchant.business_name", "https://connect.squareup.com/v2",
        {**BEARER, "Square-Version": "2025-08-20"},
    ),
    "stripe": Expected(
        f"https://connect.stripe.com/oauth/authorize?{ASK}&scope=read_write",
        "https://connect.stripe.com/oauth/token", POST, "none",
        "https://api.stripe.com/v1/account", "settings.dashboard.display_name", "https://api.stripe.com/v1",
    ),
    "todoist": Expected(
        f"https://todoist.com/oauth/authorize?{ASK}&scope=data%3Aread",
        "https://todoist.com/oauth/access_token", POST, "none",
        "https://api.todoist.com/api/v1/user", "email", "https://api.todoist.com/api/v1",
    ),
    "twitch": Expected(
        f"https://id.twitch.tv/oauth2/authorize?{ASK}&scope=user%3Aread%3Aemail",
        "https://id.twitch.tv/oauth2/token", POST, "strict",
        "https://api.twitch.tv/helix/users", "data[0].login", "https://api.twitch.tv/helix",
        {**BEARER, "Client-Id": "id"},
    ),
    "typeform": Expected(
        f"https://api.typeform.com/oauth/authorize?{ASK}&scope=accounts%3Aread+offline",
        "https://api.typeform.com/oauth/token", POST, "strict",
        "https://api.typeform.com/me", "email", "https://api.typeform.com",
    ),
    "webflow": Expected(
        f"https://webflow.com/oauth/authorize?{ASK}&scope=authorized_user%3Aread",
        "https://api.webflow.com/oauth/access_token", POST_JSON, "none",
        "https://api.webflow.com/v2/token/authorized_by", "email", "https://api.webflow.com/v2",
    ),
    "x": Expected(
        f"https://x.com/i/oauth2/authorize?{ASK}&scope=users.read+tweet.read+offline.access{PKCE}",
        "https://api.x.com/2/oauth2/token", BASIC, "strict",
        "https://api.x.com/2/users/me", "data.username", "https://api.x.com/2",
    ),
    "xero": Expected(
        f"https://login.xero.com/identity/connect/authorize?{ASK}"
        f"&scope=openid+profile+email+offline_access+accounting.settings.read{PKCE}",
        "https://identity.xero.com/connect/token", BASIC, "strict",
        "https://api.xero.com/connections", "[0].tenantName", "https://api.xero.com/api.xro/2.0",
        {**BEARER, "Xero-Tenant-Id": "70784a63-d24b-46a9-a4db-0e70a274b056"},
    ),
    "youtube": Expected(
        f"{GOOGLE}&scope={G}youtube.readonly{PKCE}",
        GOOGLE_TOKEN, POST, "none",
        "https://www.googleapis.com/youtube/v3/channels?part=snippet&mine=true", "items[0].snippet.title",
        "https://www.googleapis.com/youtube/v3",
    ),
    "zendesk": Expected(
        f"https://acme.zendesk.com/oauth/authorizations/new?{ASK}&scope=users%3Aread{PKCE}",
        "https://acme.zendesk.com/oauth/tokens", POST_JSON, "strict",
        "https://acme.zendesk.com/api/v2/users/me.json", "user.email", "https://acme.zendesk.com/api/v2",
    ),
    "zoho-crm": Expected(
        f"https://accounts.zoho.eu/oauth/v2/auth?access_type=offline&prompt=consent&{ASK}&scope=AaaServer.profile.READ",
        "https://accounts.zoho.eu/oauth/v2/token", POST, "none",
        "https://accounts.zoho.eu/oauth/user/info", "Email", "https://www.zohoapis.eu/crm/v8",
        {"Authorization": "Zoho-oauthtoken t"},
    ),
    "zoom": Expected(
        f"https://zoom.us/oauth/authorize?{ASK}&scope=user%3Aread%3Auser{PKCE}",
        "https://zoom.us/oauth/token", BASIC, "strict",
        "https://api.zoom.us/v2/users/me", "email", "https://api.zoom.us/v2",
    ),
}  # fmt: skip


def config_of(slug: str) -> ProviderConfig:
    toml = toml_of(slug)
    app = OAuthApp(params=examples(toml, of_app=True))
    return provider_config(Integration(slug=slug, name=slug), oauth_app=app, params=examples(toml, of_app=False))


@pytest.mark.parametrize("slug", sorted(EXPECTED))
def test_what_is_sent_is_what_the_vendor_expects(slug: str) -> None:
    config, app = config_of(slug), ClientCredentials("id", "unused")
    consent = authorization_url(
        config,
        app,
        redirect_uri="https://us.example/cb",
        state="s",
        scopes=catalog()[slug].default_scopes,
        code_challenge="c" if config.pkce else None,
    )
    account = config.account
    assert EXPECTED[slug] == Expected(
        consent,
        config.token_url,
        (config.token_endpoint_auth_method, config.token_request_encoding),
        config.rotation,
        account and account.url,
        account and account.label_path,
        config.api_base_url or "",
        access_headers(config, access_token="t", credentials=app),
    )


def test_some_refresh_elsewhere_or_not_at_all() -> None:
    assert config_of("figma").refresh_url == "https://api.figma.com/v1/oauth/refresh"
    assert config_of("instagram").refresh_url == "https://graph.instagram.com/refresh_access_token"
    assert config_of("airtable").refresh_url is None
    for slug in ("clickup", "intercom", "mailchimp", "facebook", "webflow"):
        assert config_of(slug).refresh_supported is False


def test_some_say_when_a_token_ends_in_their_own_way() -> None:
    assert config_of("square").expires_at_path == "expires_at"
    assert config_of("monday").expiry_in_token is True
    assert config_of("mailchimp").expires_in_path == ""
    assert config_of("salesforce").default_expires_in == 7200


def test_some_say_where_an_account_lives() -> None:
    jira, mailchimp, basecamp = (config_of(slug).placement for slug in ("jira", "mailchimp", "basecamp"))
    assert jira is not None
    assert mailchimp is not None
    assert basecamp is not None
    assert (jira.url, jira.list_path) == ("https://api.atlassian.com/oauth/token/accessible-resources", "")
    assert (mailchimp.url, mailchimp.list_path) == ("https://login.mailchimp.com/oauth2/metadata", None)
    assert basecamp.where == ("product", "bc3")


def test_a_signed_shopify_redirect_is_verified() -> None:
    assert config_of("shopify").callback_signature_parameter == "hmac"


def test_hubspot_asks_for_what_may_be_missing_in_a_parameter_of_its_own() -> None:
    further = [scope for scope in catalog()["hubspot"].scopes if not scope.default]
    assert further
    assert {scope.parameter for scope in further} == {"optional_scope"}
