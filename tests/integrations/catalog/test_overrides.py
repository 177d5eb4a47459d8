"""What an OAuth app may ask for, and does otherwise than its provider's facts say: checked, and in force."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from apps import egress
from apps.egress import destination
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.overrides import RESERVED, applied, problems
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.offered_scopes import offer_of
from apps.oauth.authorization import authorization_url
from apps.oauth.provider import ClientCredentials, ProviderConfig


@pytest.fixture(autouse=True)
def sandbox_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    egress.configure(allowed_hosts=["127.0.0.1:8100"])


def app_with(**fields: Any) -> OAuthApp:
    return OAuthApp(params={"origin": "http://127.0.0.1:8100"}, **fields)


def config_with(slug: str = "google-drive", **overrides: Any) -> ProviderConfig:
    app = OAuthApp(overrides=overrides)
    return provider_config(Integration(slug=slug, name=slug), oauth_app=app)


def asked(config: ProviderConfig) -> dict[str, list[str]]:
    url = authorization_url(
        config,
        ClientCredentials("id"),
        redirect_uri="https://x.example/cb",
        state="s",
        scopes=["a"],
        code_challenge=None,
    )
    return parse_qs(urlsplit(url).query)


def test_authorization_params_can_be_added_replaced_or_removed() -> None:
    assert asked(config_with())["prompt"] == ["consent"]
    query = asked(config_with(authorization_params={"prompt": "", "hd": "fernhill.example", "access_type": "online"}))
    assert "prompt" not in query
    assert (query["hd"], query["access_type"]) == (["fernhill.example"], ["online"])
    assert query["state"] == ["s"]


def test_pkce_and_client_authentication_are_the_apps_to_say() -> None:
    facts = config_with()
    config = config_with(pkce=False, token_endpoint_auth_method="none")
    assert (facts.pkce, config.pkce, config.token_endpoint_auth_method) == (True, False, "none")
    assert config_with("slack", pkce=True).pkce


def test_token_parameters_are_sent_with_a_code_and_with_a_refresh_token() -> None:
    config = config_with(token_params={"audience": "x"})
    assert config.token_params["audience"] == config.refresh_params["audience"] == "x"


def test_without_overrides_the_config_is_unchanged() -> None:
    facts = config_with()
    assert applied(facts, {}) is facts


@pytest.mark.parametrize(("key", "name"), [(key, name) for key, names in RESERVED.items() for name in sorted(names)])
def test_what_the_protocol_fills_in_cannot_be_overridden(key: str, name: str) -> None:
    ((field, sentence),) = problems({key: {name: "x"}})
    assert field == key
    assert sentence == f"{name} is set by the protocol and cannot be overridden."
    assert problems({key: {name.upper(): "x"}})


def test_a_renamed_scope_parameter_is_reserved_too() -> None:
    assert problems({"authorization_params": {"user_scope": "x"}}, scope_parameter="user_scope")
    assert not problems({"authorization_params": {"user_scope": "x"}})


@pytest.mark.parametrize(
    "overrides",
    [
        {"token_url": "https://evil.example"},
        {"pkce": "off"},
        {"pkce": None},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"extra_scopes": "a b"},
        {"extra_scopes": ["a b"]},
        {"extra_scopes": [7]},
        {"extra_scopes": [f"s{number}" for number in range(51)]},
        {"authorization_params": ["a"]},
        {"authorization_params": {"a b": "x"}},
        {"authorization_params": {"a": "x\ny"}},
        {"authorization_params": {"a": 1}},
        {"token_params": {"": "x"}},
        {"token_params": {"a": "x" * 501}},
    ],
)
def test_everything_else_is_refused(overrides: dict[str, Any]) -> None:
    assert len(problems(overrides)) == 1


def test_an_app_without_limits_offers_the_catalog_its_further_ones_and_any_that_is_named() -> None:
    offer = offer_of(catalog()["sandbox"], app_with(overrides={"extra_scopes": ["files:read"]}))
    assert [scope.name for scope in offer.scopes][-1] == "files:read"
    assert len(offer.scopes) == 5
    assert not offer.refusal(["profile", "unheard:of"])
    assert "quotes" in offer.refusal(['un"heard'])


def test_an_app_with_limits_offers_only_these() -> None:
    app = app_with(scopes_allowed=["profile", "files:read"], overrides={"extra_scopes": ["files:write"]})
    offer = offer_of(catalog()["sandbox"], app)
    assert [scope.name for scope in offer.scopes] == ["profile", "files:read", "files:write"]
    assert offer.refusal(["profile", "messages:read"]) == "The OAuth app of Sandbox may not request messages:read."


def test_without_an_oauth_app_the_scopes_of_the_catalog_are_offered() -> None:
    offer = offer_of(catalog()["sandbox"], None)
    assert len(offer.scopes) == 4
    assert offer.refusal(["unheard:of"])
