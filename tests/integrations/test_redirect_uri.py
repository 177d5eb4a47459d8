"""Which apps share the common callback: those whose hosts only the catalog or an operator determines."""

import re
from typing import Any

import pytest

from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.schema import CatalogEntry, Param
from apps.integrations.custom_apis.schema import AUTH_TYPES
from apps.integrations.models import Callback, Integration, OAuthApp
from apps.integrations.redirect_uri import callback_of, common_redirect_uri, redirect_uri, typed_host_params
from apps.teams.models import Team

CATALOG = sorted(slug for slug, entry in catalog().items() if entry.kind in ("oauth2", "oauth1"))
# Every URL to which an authorization code, a client secret or a refresh token is sent.
CREDENTIAL_URLS = (
    "authorization_url",
    "token_url",
    "refresh.url",
    "long_lived.url",
    "request_token_url",
    "access_token_url",
)


def url_of(table: Any, path: str) -> str:
    for name in path.split("."):
        table = getattr(table, name, None)
    return table or ""


def free_host_params(entry: CatalogEntry) -> list[Param]:
    """Those in a host of the entry that may have more than a few values, found without the code under test."""
    table = entry.oauth2 or entry.oauth1
    hosts = [re.split("[/?#]", url_of(table, path).removeprefix("https://"))[0] for path in CREDENTIAL_URLS]
    return [p for p in entry.params if any(f"{{{p.name}}}" in host for host in hosts) and len(p.choices) < 2]


def app_of(slug: str, *, team: Team | None = None, callback: str = "own") -> OAuthApp:
    return OAuthApp(integration=Integration(slug=slug), team=team, callback=callback)


@pytest.mark.parametrize("slug", CATALOG)
def test_the_hosts_that_somebody_can_type_are_recognized(slug: str) -> None:
    assert typed_host_params(catalog()[slug]) == free_host_params(catalog()[slug])


@pytest.mark.parametrize("slug", CATALOG)
def test_a_team_app_shares_the_common_callback_only_with_fixed_hosts(slug: str) -> None:
    own = redirect_uri(app_of(slug, team=Team(name="Mine")))
    assert (own == common_redirect_uri()) == (not free_host_params(catalog()[slug]))


@pytest.mark.parametrize("slug", CATALOG)
def test_an_operators_app_shares_the_common_callback_unless_members_type_a_host(slug: str) -> None:
    by_members = [param for param in free_host_params(catalog()[slug]) if param.source != "client"]
    assert (redirect_uri(app_of(slug)) == common_redirect_uri()) == (not by_members)


@pytest.mark.parametrize("slug", [slug for slug in CATALOG if any(
    param.source == "client" for param in free_host_params(catalog()[slug])
)])  # fmt: skip
def test_a_team_app_with_a_host_of_its_own_never_keeps_the_common_callback(slug: str) -> None:
    assert callback_of(app_of(slug, team=Team(), callback="common")) == Callback.OWN


def test_an_earlier_app_keeps_the_shared_callback_where_members_type_a_vendors_host() -> None:
    assert redirect_uri(app_of("shopify", callback="common")) == common_redirect_uri()


@pytest.mark.parametrize("kind", AUTH_TYPES)
def test_a_custom_api_has_its_own_callback_whatever_its_kind(kind: str) -> None:
    integration = Integration(slug="keycloak", kind=kind, team=Team())
    assert redirect_uri(OAuthApp(integration=integration, team=integration.team)).endswith(f"/return/{integration.pk}")


def test_teams_and_services_have_different_callbacks() -> None:
    first, second = Team(), Team()
    gitlab, okta = Integration(slug="gitlab"), Integration(slug="okta")
    apps = [OAuthApp(integration=i, team=t) for i in (gitlab, okta) for t in (first, second)]
    assert len({redirect_uri(app) for app in apps}) == 4
    again = OAuthApp(integration=gitlab, team=first, client_id="another", params={"hostname": "other.example"})
    assert redirect_uri(again) == redirect_uri(apps[0])


def test_own_callbacks_do_not_begin_with_the_common_one() -> None:
    assert not redirect_uri(app_of("keycloak", team=Team())).startswith(common_redirect_uri())
