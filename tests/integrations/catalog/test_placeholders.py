"""No value of a placeholder leads to another host than the catalog's."""

from urllib.parse import urlsplit

import pytest

from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.placeholders import UnsafeValue, checked_values, fill
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.catalog.schema import Param
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import Team

HOSTILE = [
    "evil.com/",
    "evil.com/#",
    "evil.com/?",
    "evil.com#",
    "evil.com?",
    "evil.com\\",
    "a.b@evil",
    "a:b@evil.com",
    "evil.com:443/",
    "evil.com%2F",
    "evil.com\n",
    "evil.com\t",
    " evil.com",
    "еvil",  # its first letter is Cyrillic
    "ｅvil",  # full-width e
    "evil．com",  # full-width full stop
    "evil。com",  # ideographic full stop
    "evil／x",  # full-width solidus
    "١",  # an Arabic digit, which \d would take
    "",
]


def subdomain(pattern: str) -> Param:
    return Param(name="sub", label="Subdomain", pattern=pattern, example="fernhill", source="user")


@pytest.mark.parametrize("value", HOSTILE)
def test_filling_refuses_a_hostile_value_in_the_host_even_where_a_pattern_let_it_pass(value: str) -> None:
    with pytest.raises(UnsafeValue):
        fill("https://{sub}.acme.example/token", {"sub": value})


@pytest.mark.parametrize("value", [*HOSTILE, "..", "x/../../y"])
def test_a_value_in_the_path_never_leaves_the_path(value: str) -> None:
    try:
        url = fill("https://acme.example/{sub}/token", {"sub": value})
    except UnsafeValue:
        return
    assert urlsplit(url)._replace(path="") == urlsplit("https://acme.example")


@pytest.mark.parametrize("value", HOSTILE[:-1])
@pytest.mark.parametrize("pattern", ["[a-z0-9-]+", r"^[a-z\d][a-z\d.-]*$", "[A-Za-z0-9.-]+"])
def test_a_pattern_must_match_the_whole_value_in_ascii(pattern: str, value: str) -> None:
    with pytest.raises(UnsafeValue, match="must look like fernhill"):
        checked_values([subdomain(pattern)], {"sub": value})


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8100/",
        "http://127.0.0.1:8100/o",
        "http://evil.example#",
        "http://good@evil.example",
        "http://evil.example?",
        "ftp://evil.example",
        "javascript://x",
        "//evil.example",
        "http://",
        "http://a.example:99999999",
        "http://xn—.example",
    ],
)
def test_an_origin_is_scheme_host_and_port_and_nothing_else(origin: str) -> None:
    with pytest.raises(IntegrationMisconfigured):
        provider_config(Integration(slug="sandbox", name="Sandbox"), oauth_app=OAuthApp(params={"origin": origin}))


@pytest.mark.parametrize(
    "origin", ["http://good@evil.example", "//evil.example", "http://a.example/x", "ftp://a.example"]
)
def test_filling_refuses_an_origin_with_more_to_it_even_where_a_pattern_let_it_pass(origin: str) -> None:
    with pytest.raises(UnsafeValue):
        fill("{origin}/o/token/", {"origin": origin})


def test_a_connection_cannot_set_what_belongs_to_the_oauth_app() -> None:
    app = OAuthApp(params={"origin": "http://127.0.0.1:8100"})
    sandbox = Integration(slug="sandbox", name="Sandbox")
    config = provider_config(sandbox, oauth_app=app, params={"origin": "http://evil.example"})
    assert config.token_url == "http://127.0.0.1:8100/o/token/"


def test_a_missing_value_of_the_oauth_app_is_named() -> None:
    with pytest.raises(IntegrationMisconfigured, match="the OAuth app has no value for Origin"):
        provider_config(Integration(slug="sandbox", name="Sandbox"), oauth_app=OAuthApp())


def test_a_custom_api_never_gets_the_entry_of_a_built_in_service() -> None:
    own = Integration(slug="github", name="Ours", team=Team(name="Fernhill"))
    with pytest.raises(IntegrationMisconfigured):
        provider_config(own)


def test_every_pattern_of_the_catalog_refuses_every_hostile_value() -> None:
    for entry in catalog().values():
        for param in entry.params:
            for value in HOSTILE[:-1]:
                with pytest.raises(UnsafeValue):
                    checked_values([param], {param.name: value})
