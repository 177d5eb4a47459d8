"""Which apps share the common callback: those whose hosts only the catalog or an operator determines."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args, get_type_hints

import pytest

from apps.integrations import redirect_uri as module
from apps.integrations.catalog import overrides
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.catalog.schema import CatalogEntry, OAuth1, OAuth2, Param, ParamSource
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


def test_the_hosts_that_somebody_can_type_are_recognized() -> None:
    for slug in CATALOG:
        assert typed_host_params(catalog()[slug]) == free_host_params(catalog()[slug]), slug


def test_a_team_app_shares_the_common_callback_only_with_fixed_hosts() -> None:
    for slug in CATALOG:
        own = redirect_uri(app_of(slug, team=Team(name="Mine")))
        assert (own == common_redirect_uri()) == (not free_host_params(catalog()[slug])), slug


def test_an_operators_app_shares_the_common_callback_unless_members_type_a_host() -> None:
    for slug in CATALOG:
        by_members = [param for param in free_host_params(catalog()[slug]) if param.source != "client"]
        assert (redirect_uri(app_of(slug)) == common_redirect_uri()) == (not by_members), slug


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


# --- Every way in which an address can come to be entered ---------------------------------------------------------

_IS_URL = re.compile(r"(.*_)?(url|uri|issuer|origin|host|endpoint)s?")
# Compared with what a response says, never called.
COMPARED = {"issuer"}


def url_keys(table: type, prefix: str = "") -> Iterator[str]:
    """The keys of URLs in a table of the catalog's schema and in the tables below it."""
    hints = get_type_hints(table)
    for each in fields(table):
        kinds = [hints[each.name], *get_args(hints[each.name])]
        if _IS_URL.fullmatch(each.name) and hints[each.name] is not bool:
            yield f"{prefix}{each.name}"
        for kind in (kind for kind in kinds if is_dataclass(kind) and isinstance(kind, type)):
            yield from url_keys(kind, f"{prefix}{each.name}.")


def test_every_url_of_a_flow_with_consent_is_looked_at() -> None:
    assert {*url_keys(OAuth2), *url_keys(OAuth1)} - COMPARED == set(CREDENTIAL_URLS)


CATALOG_TABLES: dict[str, Any] = {
    "refresh": catalog()["google-drive"].oauth2.refresh,  # type: ignore[union-attr]
    "long_lived": next(e.oauth2.long_lived for e in catalog().values() if e.oauth2 and e.oauth2.long_lived),
}


def entry_with(path: str, param: Param, *, whole_origin: bool = False) -> CatalogEntry:
    """An entry in which this one URL has a placeholder in its host, and all others have none."""
    url = f"{{{param.name}}}/path" if whole_origin else f"https://login.{{{param.name}}}.example/path"
    slug = "trello" if path in set(url_keys(OAuth1)) - set(url_keys(OAuth2)) else "google-drive"
    name, _, below = path.partition(".")
    entry = replace(catalog()[slug], params=(param,))
    kind = "oauth1" if entry.oauth1 else "oauth2"
    table = getattr(entry, kind)
    nested = CATALOG_TABLES[name] if below else None
    value = replace(nested, **{below: url}) if nested else url
    return replace(entry, **{kind: replace(table, **{name: value})})


@pytest.mark.parametrize("whole_origin", [False, True])
@pytest.mark.parametrize("source", get_args(ParamSource))
@pytest.mark.parametrize("path", CREDENTIAL_URLS)
def test_a_placeholder_of_any_source_in_any_of_these_hosts_leads_to_a_callback_of_its_own(
    monkeypatch: pytest.MonkeyPatch, path: str, source: ParamSource, whole_origin: bool
) -> None:
    param = Param(name="typed", label="Typed", pattern="[a-z.:/]+", example="a", source=source)
    entry = entry_with(path, param, whole_origin=whole_origin)
    monkeypatch.setattr(module, "entry_of", lambda integration: entry)
    of_team, of_operator = app_of("any", team=Team()), app_of("any")
    assert callback_of(of_team) == Callback.OWN
    assert callback_of(of_operator) == (Callback.COMMON if source == "client" else Callback.OWN)
    by_one_value = replace(entry, params=(replace(param, pattern="only"),))
    monkeypatch.setattr(module, "entry_of", lambda integration: by_one_value)
    assert callback_of(of_team) == Callback.OWN, "a pattern that is no list of several values is not trusted"
    by_list = replace(entry, params=(replace(param, pattern="eu|us"),))
    monkeypatch.setattr(module, "entry_of", lambda integration: by_list)
    assert callback_of(of_team) == callback_of(of_operator) == Callback.COMMON


def test_no_override_of_an_oauth_app_changes_an_address() -> None:
    assert [name for name in overrides._KNOWN if _IS_URL.fullmatch(name)] == []
    changes = {
        "pkce": False,
        "token_endpoint_auth_method": "none",
        "extra_scopes": ["x"],
        "authorization_params": {"authorization_url": "https://evil.example", "issuer": "https://evil.example"},
        "token_params": {"token_url": "https://evil.example"},
    }
    assert set(changes) == set(overrides._KNOWN)
    integration = Integration(slug="google-drive")
    plain, changed = (
        vars(provider_config(integration, oauth_app=OAuthApp(integration=integration, overrides=each)))
        for each in ({}, changes)
    )
    assert {name for name in plain if plain[name] != changed[name] and _IS_URL.fullmatch(name)} == set()


@pytest.mark.parametrize("slug", ["google-drive", "keycloak", "none-of-ours"])
def test_a_teams_integration_of_any_slug_and_definition_has_its_own_callback(slug: str) -> None:
    """However its URLs came to be: typed, from metadata, from a document, or with a registered client."""
    integration = Integration(slug=slug, team=Team(), definition={"oauth2": {"token_url": "https://evil.example"}})
    for app in (OAuthApp(integration=integration, team=integration.team), OAuthApp(integration=integration)):
        assert callback_of(app) == Callback.OWN
        assert redirect_uri(app).endswith(f"/return/{integration.pk}")
