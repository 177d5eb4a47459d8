"""A provider's facts are cached for the same caller, and for no other."""

import pytest

from apps.integrations.catalog.entries import entry_for
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import Team

ZENDESK = Integration(slug="zendesk", name="Zendesk")


def test_each_connection_gets_its_own_addresses() -> None:
    urls = [provider_config(ZENDESK, params={"subdomain": name}).api_base_url for name in ("fernhill", "harbour")]
    assert ["fernhill" in (urls[0] or ""), "harbour" in (urls[1] or "")] == [True, True]
    assert provider_config(ZENDESK, params={"subdomain": "fernhill"}).api_base_url == urls[0]


def test_what_lacks_a_value_fails_each_time() -> None:
    for _ in range(2):
        with pytest.raises(IntegrationMisconfigured, match="no value"):
            provider_config(ZENDESK)


def test_each_oauth_app_has_its_own_overrides() -> None:
    google = Integration(slug="google", name="Google")
    with_pkce, without = (OAuthApp(integration=google, overrides={"pkce": pkce}) for pkce in ("S256", "none"))
    assert provider_config(google, oauth_app=with_pkce).pkce == "S256"
    assert provider_config(google, oauth_app=without).pkce == "none"


def test_a_teams_api_is_read_anew_when_its_description_changes() -> None:
    def described(url: str, slug: str = "carrier") -> Integration:
        api = {"base_url": url}
        metadata = {"checked": "team"}
        basics = {"name": "Carrier", "category": "other", "description": "", "kind": "none"}
        basics |= {"metadata": metadata, "api": api}
        return Integration(slug=slug, name="Carrier", kind="none", team=Team(), definition=basics)

    first = described("https://one.example")
    assert entry_for(first).api.base_url == "https://one.example"
    assert entry_for(described("https://two.example")).api.base_url == "https://two.example"
    assert isinstance(first.definition, dict)
    first.definition["api"]["base_url"] = "https://three.example"
    assert entry_for(first).api.base_url == "https://three.example"
    assert entry_for(described("https://one.example", "other")).slug == "other"
