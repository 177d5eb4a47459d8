"""Services that take a key, a client or OAuth 1.0a: what goes where, against literals written by hand."""

import base64
import re
from pathlib import Path

import pytest

from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.placeholders import PLACEHOLDER, UnsafeValue, fill, matches
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.catalog.reader import read_definition, read_provider
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.keys import api_hosts, checked_input, key_access, oauth1_provider, sent_as, verification_of
from apps.integrations.models import KINDS_WITH_KEY, Integration, OAuthApp
from apps.oauth.paths import Check
from apps.oauth.signing import RequestParts
from tests.connections.kinds import FILES

KEYED = sorted(slug for slug, entry in catalog().items() if entry.api_key or entry.basic)
WITH_PARAMS = sorted(
    (slug, param.name)
    for slug, entry in catalog().items()
    for param in entry.params_from("user")
    if entry.kind in KINDS_WITH_KEY
)
HOSTILE = [
    "evil.com/#",
    "a.b@evil",
    "acme@evil.com",
    "acme.evil.com/",
    "evil.com?",
    "evil.com\\",
    "http://evil.com",
    "a b",
    "acme\n",
    "аcme.example.com",
    "acme。example。com",
    "ａcme",
    "..",
    "",
]


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("slug", "fields", "params", "headers", "address"),
    [
        ("openai", {"api_key": "K"}, {}, {"Authorization": "Bearer K"}, "https://api.openai.com/v1/models"),
        ("anthropic", {"api_key": "K"}, {}, {"x-api-key": "K", "anthropic-version": "2023-06-01"},
         "https://api.anthropic.com/v1/models"),
        ("stripe-api-key", {"api_key": "rk_live_1"}, {}, {"Authorization": "Bearer rk_live_1"},
         "https://api.stripe.com/v1/account"),
        ("sendgrid", {"api_key": "K"}, {}, {"Authorization": "Bearer K"}, "https://api.sendgrid.com/v3/user/email"),
        ("activecampaign", {"api_key": "K"}, {"account_host": "acme.api-us1.com"}, {"Api-Token": "K"},
         "https://acme.api-us1.com/api/3/users/me"),
        ("algolia", {"api_key": "K"}, {"application_id": "YourAppID0"},
         {"X-Algolia-API-Key": "K", "X-Algolia-Application-Id": "YourAppID0"}, None),
        ("datadog-api-key", {"api_key": "K", "application_key": "A"}, {"site": "datadoghq.eu"},
         {"DD-API-KEY": "K", "DD-APPLICATION-KEY": "A"}, "https://api.datadoghq.eu/api/v2/current_user"),
        ("deepl", {"api_key": "K"}, {}, {"Authorization": "DeepL-Auth-Key K"}, "https://api.deepl.com/v2/usage"),
        ("hunter", {"api_key": "K"}, {}, {"X-API-KEY": "K"}, "https://api.hunter.io/v2/account"),
        ("supabase", {"api_key": "K"}, {"project_ref": "abcdefghijklmnopqrst"}, {"apikey": "K"}, None),
        ("twilio", {"account_sid": "AC" + "0" * 32, "auth_token": "T"}, {},
         {"Authorization": basic("AC" + "0" * 32 + ":T")},
         "https://api.twilio.com/2010-04-01/Accounts/AC" + "0" * 32 + ".json"),
        ("jira-api-token", {"email": "ada@example.com", "api_token": "T"}, {"site": "acme.atlassian.net"},
         {"Authorization": basic("ada@example.com:T")}, "https://acme.atlassian.net/rest/api/3/myself"),
        ("freshdesk", {"api_key": "K"}, {"subdomain": "acme"}, {"Authorization": basic("K:X")},
         "https://acme.freshdesk.com/api/v2/agents/me"),
        ("lemlist", {"api_key": "K"}, {}, {"Authorization": basic(":K")}, "https://api.lemlist.com/api/team"),
        ("mailgun", {"api_key": "K"}, {}, {"Authorization": basic("api:K")}, "https://api.mailgun.net/v4/domains"),
        ("ashby", {"api_key": "K"}, {}, {"Authorization": basic("K:"), "Accept": "application/json; version=1"},
         "https://api.ashbyhq.com/apiKey.info"),
    ],
)  # fmt: skip
def test_the_key_is_sent_where_the_vendor_expects_it(
    slug: str, fields: dict[str, str], params: dict[str, str], headers: dict[str, str], address: str | None
) -> None:
    entry = catalog()[slug]
    access = key_access(entry, fields=fields, params=params)
    assert access.headers == headers
    call = verification_of(entry, fields=fields, params=params)
    assert (call.url if call else None) == address


def test_a_bots_token_begins_the_path() -> None:
    entry = catalog()["telegram-bot"]
    token = "12345:" + "a" * 35
    access = key_access(entry, fields={"api_key": token}, params={})
    signed = access.sign(RequestParts("GET", "https://api.telegram.org/getMe"))
    assert signed.url == f"https://api.telegram.org/bot{token}/getMe"
    assert not matches(entry.fields[0], "12345:" + "a" * 35 + "/../x")


@pytest.mark.parametrize("slug", KEYED)
def test_every_field_is_sent_and_only_to_the_services_hosts(slug: str) -> None:
    entry = catalog()[slug]
    fields = {field.name: f"value-of-{field.name}" for field in entry.fields}
    params = {param.name: param.default or param.example for param in entry.params}
    access = key_access(entry, fields=fields, params=params)
    signed = access.sign(RequestParts("GET", "https://host.example/path"))
    sent = signed.url + repr(signed.headers)
    if entry.basic:
        sent += base64.b64decode(signed.headers["Authorization"].removeprefix("Basic ")).decode()
    for field in entry.fields:
        assert fields[field.name] in sent
    assert all(fields[field.name] not in line for field in entry.fields for line in sent_as(entry))
    of_base_url = entry.api.base_url.partition("://")[2].partition("/")[0].rpartition("}")[2]
    assert any(host.endswith(of_base_url) for host in api_hosts(entry, params=params))


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_leads_to_another_host(value: str) -> None:
    for slug, name in WITH_PARAMS:
        _leads_to_no_other_host(slug, name, value)


def _leads_to_no_other_host(slug: str, name: str, value: str) -> None:
    entry = catalog()[slug]
    (param,) = [param for param in entry.params if param.name == name]
    assert not matches(param, value) or value == "..", (slug, name)
    if f"{{{name}}}" in entry.api.base_url:
        values = {p.name: p.default or p.example for p in entry.params} | {name: value or "x/"}
        with pytest.raises(UnsafeValue):
            fill(entry.api.base_url, values if value != ".." else values | {name: "../"})


@pytest.mark.parametrize(
    ("slug", "value"),
    [
        ("auth0-management", "acme.auth0.com.evil.example"),
        ("crowdstrike", "api.crowdstrike.com.evil.example"),
        ("crowdstrike", "evilcrowdstrike.com"),
        ("datadog-api-key", "datadoghq.com.evil.example"),
        ("activecampaign", "evil.example"),
        ("jira-api-token", "atlassian.net.evil.example"),
        ("deepl", "api.deepl.com.evil.example"),
    ],
)
def test_where_the_vendors_domain_is_known_no_other_fits(slug: str, value: str) -> None:
    assert all(not matches(param, value) for param in catalog()[slug].params_from("user"))


def test_client_authentication_follows_the_catalog_file() -> None:
    zoom = provider_config(Integration(slug="zoom-server-to-server", name="Zoom"), params={"account_id": "AbC"})
    assert (zoom.token_url, zoom.client_grant_type) == ("https://zoom.us/oauth/token", "account_credentials")
    assert (zoom.token_params, zoom.token_endpoint_auth_method) == ({"account_id": "AbC"}, "client_secret_basic")
    auth0 = provider_config(Integration(slug="auth0-management", name="A"), params={"domain": "acme.eu.auth0.com"})
    assert auth0.token_url == "https://acme.eu.auth0.com/oauth/token"
    assert (auth0.token_params, auth0.token_request_encoding) == (
        {"audience": "https://acme.eu.auth0.com/api/v2/"},
        "json",
    )
    with pytest.raises(IntegrationMisconfigured):
        provider_config(Integration(slug="auth0-management", name="A"), params={"domain": "evil.com/#"})
    twitch = provider_config(Integration(slug="twitch-app", name="T"))
    assert twitch.revocation is not None
    assert twitch.revocation.client_authentication == "client_id"


def test_trello_uses_its_own_parameter_names() -> None:
    trello = oauth1_provider(Integration(slug="trello", name="Trello"), oauth_app=OAuthApp(), params={})
    assert trello.request_token_url == "https://trello.com/1/OAuthGetRequestToken"
    assert (trello.scope_parameter, trello.scope_separator) == ("scope", ",")
    assert trello.authorization_params == {"expiration": "never", "name": "Specway"}


def test_there_are_services_of_every_kind() -> None:
    kinds = [entry.kind for entry in catalog().values()]
    assert kinds.count("api_key") >= 28
    assert kinds.count("basic") >= 14
    assert kinds.count("oauth2_client_credentials") >= 7
    assert kinds.count("oauth1") >= 11


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('kind = "api_key"', 'kind = "basic"'), "basic: is missing"),
        (("{api_key}", "{other}"), "is declared neither"),
        (('name = "region"', 'name = "account"'), "declared twice"),
        (("{region}", "eu"), "region is not used anywhere"),
        (('"{origin}/api/me"', '"{origin}/api/{api_key}"'), "not declared"),
        (('"[a-z]{2,20}"', '".*"'), "would lead to another host"),
        (('label = "API key"', 'label = ""'), "must have a label"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    path = tmp_path / "keyed.toml"
    assert change[0] in FILES["keyed"]
    path.write_text(FILES["keyed"].replace(*change), encoding="utf-8")
    with pytest.raises(CatalogError, match=problem):
        read_provider(path)


OWN_CLIENT = """
access_token_path = "data.token | token"
success_check = {path = "ok", equals = true}
error_rules = [{means = "invalid_client", path = "error", values = ["no_such_client"]}]
"""


def own_client_file(folder: Path, more: str) -> Path:
    (text,) = (each for each in FILES.values() if "[client_credentials]" in each)
    path = folder / "machine.toml"
    path.write_text(text.replace("[client_credentials]", "[client_credentials]" + more), encoding="utf-8")
    return path


def test_token_responses_to_client_credentials_are_described_like_others(tmp_path: Path) -> None:
    grant = read_provider(own_client_file(tmp_path, OWN_CLIENT)).client_credentials
    assert grant is not None
    assert (grant.access_token_path, grant.refresh_token_path) == ("data.token | token", "refresh_token")
    assert (grant.success_check, grant.error_rules[0].means) == (Check("ok", True), "invalid_client")


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('"data.token | token"', '"data..token"', "access_token_path"),
        ('path = "error"', 'path = "error[x"', r"error_rules\[0\].path"),
        ('means = "invalid_client"', 'means = "bad"', r"error_rules\[0\].means"),
    ],
)
def test_what_cannot_be_followed_there_is_refused(tmp_path: Path, before: str, after: str, key: str) -> None:
    with pytest.raises(CatalogError, match=f"client_credentials.{key}"):
        read_provider(own_client_file(tmp_path, OWN_CLIENT.replace(before, after)))


def test_only_custom_apis_have_a_further_key(tmp_path: Path) -> None:
    path = own_client_file(tmp_path, "")
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub("(?m)^headers = .*$", 'headers = { X-App = "{further_key}" }', text), encoding="utf-8")
    with pytest.raises(CatalogError, match="further_key"):
        read_provider(path)


def test_a_secret_in_a_path_needs_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "unverifiable.toml"
    path.write_text(FILES["unverifiable"].replace('pattern = "[A-Za-z0-9_-]{10,80}"', ""), encoding="utf-8")
    with pytest.raises(CatalogError, match="is missing although the value is part of a URL"):
        read_provider(path)


def test_placeholders_of_keys_are_identifiers() -> None:
    for slug in KEYED:
        assert all(PLACEHOLDER.fullmatch(f"{{{field.name}}}") for field in catalog()[slug].fields)


@pytest.mark.parametrize(
    ("template", "entered", "sent"),
    [
        ("Bearer {key}", "abc123", "Bearer abc123"),
        ("Bearer {key}", "bearer abc123", "Bearer abc123"),
        ("Token token={key}", "Token token=abc123", "Token token=abc123"),
        ("SSWS {key}", " SSWS  abc123 ", "SSWS abc123"),
        ("SSWS {key}", "SSWSabc123", "SSWS SSWSabc123"),
        ("{key}", "Bearer abc123", "Bearer abc123"),
    ],
)
def test_a_pasted_key_with_its_prefix_is_sent_with_the_prefix_once(template: str, entered: str, sent: str) -> None:
    document = {
        "name": "Acme", "category": "other", "description": "", "kind": "api_key", "metadata": {"checked": "team"},
        "api": {"base_url": "https://api.acme.example"}, "fields": [{"name": "key", "label": "Key"}],
        "api_key": {"headers": {"Authorization": template}},
    }  # fmt: skip
    entry = read_definition(document, slug="acme")
    fields, params = checked_input(entry, fields={"key": entered}, params={})
    assert key_access(entry, fields=fields, params=params).headers["Authorization"] == sent
