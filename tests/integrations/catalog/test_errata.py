"""Facts that were wrong or missing in the catalog before, against literals from the vendors' pages."""

import pytest

from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.catalog.response_params import from_token_response
from apps.integrations.keys import named_base_urls
from apps.integrations.models import Integration, OAuthApp
from apps.oauth.provider import ClientCredentials, ProviderConfig
from apps.oauth.revocation import revocation_requests
from apps.oauth.scopes import missing

APP = ClientCredentials("the-client", "the-secret")


def config_of(slug: str, **params: str) -> ProviderConfig:
    return provider_config(Integration(slug=slug, name=slug), oauth_app=OAuthApp(params={}), params=params)


@pytest.mark.parametrize(
    ("slug", "params", "api"),
    [
        ("zoom", {}, "https://api.zoom.us/v2"),
        ("zoom", {"domain": "zoomgov.com"}, "https://api.zoomgov.com/v2"),
        ("quickbooks", {"realm_id": "1"}, "https://quickbooks.api.intuit.com/v3/company/1"),
        (
            "quickbooks",
            {"realm_id": "1", "environment": "sandbox-quickbooks"},
            "https://sandbox-quickbooks.api.intuit.com/v3/company/1",
        ),
        ("paypal", {"domain": "sandbox.paypal.com"}, "https://api-m.sandbox.paypal.com"),
        ("square", {"domain": "squareupsandbox.com"}, "https://connect.squareupsandbox.com/v2"),
        ("gusto", {"api_host": "api.gusto-demo.com"}, "https://api.gusto-demo.com/v1"),
        ("tremendous", {"api_host": "testflight.tremendous.com"}, "https://testflight.tremendous.com/api/v2"),
        ("smartsheet", {"domain": "smartsheet.eu"}, "https://api.smartsheet.eu/2.0"),
        ("square", {}, "https://connect.squareup.com/v2"),
        ("typeform", {"api_host": "api.eu.typeform.com"}, "https://api.eu.typeform.com"),
    ],
)
def test_regions_and_editions_can_be_chosen(slug: str, params: dict[str, str], api: str) -> None:
    assert config_of(slug, **params).api_base_url == api


def test_intercoms_consent_page_is_that_of_the_region() -> None:
    assert config_of("intercom", app_host="app.eu").authorization_url == "https://app.eu.intercom.com/oauth"
    assert config_of("intercom").authorization_url == "https://app.intercom.com/oauth"


@pytest.mark.parametrize(
    ("slug", "fields"),
    [
        ("miro", {"accessToken": "at", "clientId": "the-client", "clientSecret": "the-secret"}),
        ("tiktok-ads", {"access_token": "at", "app_id": "the-client", "secret": "the-secret"}),
    ],
)
def test_revocations_with_parameter_names_of_their_own(slug: str, fields: dict[str, str]) -> None:
    (request,) = revocation_requests(config_of(slug), APP, access_token="at", refresh_token=None)
    assert (request.fields, request.encoding) == (fields, "json")


def test_exact_online_is_not_refreshed_before_the_service_allows_it() -> None:
    config = config_of("exact-online")
    assert (config.earliest_refresh, config.default_expires_in) == (570, 600)


def test_slack_user_scopes_are_requested_by_their_own_parameter() -> None:
    assert config_of("slack").scope_parameters["search:read"] == "user_scope"


def test_alchemer_takes_a_token_and_its_secret() -> None:
    entry = catalog()["alchemer"]
    assert [field.name for field in entry.fields] == ["api_token", "api_token_secret"]


DAY = 86_400


@pytest.mark.parametrize(
    ("slug", "days"),
    [("jira", 90), ("airtable", 60), ("box", 60), ("fortnox", 45), ("netsuite", 7), ("gmail", 180), ("xero", 60)],
)
def test_refresh_tokens_that_end_unused_are_used_in_time(slug: str, days: int) -> None:
    assert (
        config_of(slug, tenant_id="70784a63-d24b-46a9-a4db-0e70a274b056", account_id="1").unused_lifetime == days * DAY
    )


@pytest.mark.parametrize(
    ("slug", "smaller", "larger"),
    [("shopify", "read_orders", "write_orders"), ("calendly", "webhooks:read", "webhooks:write")],
)
def test_a_scope_within_a_granted_one_is_not_missing(slug: str, smaller: str, larger: str) -> None:
    provider = config_of(slug, shop="acme")
    assert missing(wanted=[smaller, larger], granted=[larger], provider=provider) == []


def test_every_place_of_google_and_microsoft_is_a_named_host() -> None:
    hosts = {host.name: host.base_url for host in catalog()["google-drive"].hosts}
    assert hosts["upload"] == "https://www.googleapis.com/upload/drive/v3"
    assert {host.name for host in catalog()["microsoft-graph"].hosts} == {"beta"}


def test_zoho_uploads_go_to_the_host_of_the_data_center() -> None:
    entry = catalog()["zoho-crm"]
    params = from_token_response(entry, {"api_domain": "https://www.zohoapis.com.au"})
    named = named_base_urls(entry, params=params | {"zoho_domain": "zoho.com.au"})
    assert named["upload"] == "https://content.zohoapis.com.au/crm/v8/upload"
