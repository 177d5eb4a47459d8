"""Facts that were wrong or missing in the catalog before, against literals from the vendors' pages."""

import pytest

from apps.integrations.catalog.entries import catalog, provider_config
from apps.integrations.models import Integration, OAuthApp
from apps.oauth.provider import ClientCredentials, ProviderConfig
from apps.oauth.revocation import revocation_requests

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
