"""For every OAuth 2.0 provider: what goes over the wire, and what is read from the answers, is what its TOML says."""

import json
import secrets
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from requests import PreparedRequest

from apps import egress
from apps.integrations.catalog import response_params
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.models import Integration, OAuthApp
from apps.oauth import token_request
from apps.oauth.account import fetch_account, fetch_placements
from apps.oauth.authorization import authorization_url, parse_callback
from apps.oauth.provider import ClientCredentials, ProviderConfig, access_headers, access_query
from apps.oauth.revocation import revocation_requests
from tests.integrations.recorded import CALLBACK, CLIENT_ID, Wire, examples, filled, put, said, token_answer, toml_of

SECRET = secrets.token_urlsafe(24)
APP = ClientCredentials(CLIENT_ID, SECRET)
# The sandbox lives on this machine, which egress does not allow; its own tests call it.
SLUGS = sorted(slug for slug, entry in catalog().items() if entry.kind == "oauth2" and slug != "sandbox")


def config_of(slug: str) -> ProviderConfig:
    toml = toml_of(slug)
    app = OAuthApp(params=examples(toml, of_app=True))
    return provider_config(Integration(slug=slug, name=slug), oauth_app=app, params=examples(toml, of_app=False))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    stand_in = Wire()
    monkeypatch.setattr(egress.Session, "request", lambda *args, **how: stand_in.request(*args, **how))
    return stand_in


def named(oauth2: dict[str, Any], fields: dict[str, str], *, at_token_endpoint: bool) -> dict[str, str]:
    names = oauth2.get("parameter_names", {}) | (oauth2.get("token_parameter_names", {}) if at_token_endpoint else {})
    return {names.get(name, name): value for name, value in fields.items()}


def fields_of(request: PreparedRequest, oauth2: dict[str, Any]) -> dict[str, str]:
    """What the request carries, read in the way that the TOML says it is sent."""
    if oauth2.get("token_request_method") == "GET":
        return dict(parse_qsl(urlsplit(request.url).query))
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    if oauth2.get("token_request_encoding") == "json":
        assert request.headers["Content-Type"] == "application/json"
        return dict(json.loads(body))
    return dict(parse_qsl(body, keep_blank_values=True))


def credentials_in(request: PreparedRequest, method: str) -> dict[str, str]:
    """The fields that authenticate the client; a Basic header is checked here."""
    if method == "client_secret_basic":
        assert b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode() == f"{CLIENT_ID}:{SECRET}"
        return {}
    assert "Authorization" not in request.headers
    return {"client_id": CLIENT_ID} | ({"client_secret": SECRET} if method == "client_secret_post" else {})


def the_consent_page(slug: str, wire: Wire) -> None:
    toml, config = toml_of(slug), config_of(slug)
    oauth2, scopes = toml["oauth2"], [scope for scope in toml.get("scopes", []) if scope.get("default")]
    url = authorization_url(
        config,
        APP,
        redirect_uri=CALLBACK,
        state="st",
        scopes=[scope["name"] for scope in scopes],
        code_challenge="ch" if config.pkce else None,
    )
    wanted = {"response_type": oauth2.get("response_type", "code"), "client_id": CLIENT_ID}
    wanted |= {"redirect_uri": CALLBACK, "state": "st"}
    if oauth2.get("pkce", True):
        wanted |= {"code_challenge": "ch", "code_challenge_method": "S256"}
    wanted = named(oauth2, wanted, at_token_endpoint=False)
    for name, value in oauth2.get("authorization_params", {}).items():
        wanted[name] = filled(value, toml)
    names = {scope["name"] for scope in scopes}
    if {"openid", "offline_access"} <= names and oauth2.get("prompt_for_offline", True):
        wanted.setdefault("prompt", "consent")
    for scope in scopes:
        parameter = scope.get("parameter") or oauth2.get("scope_parameter", "scope")
        before = [wanted[parameter]] if parameter in wanted else []
        wanted[parameter] = oauth2.get("scope_separator", " ").join([*before, filled(scope["name"], toml)])
    base, _, query = url.partition("?")
    query, _, fragment = query.partition("#")
    page = oauth2.get("authorization_fragment", "")
    expected_base = filled(oauth2["authorization_url"], toml).replace("{client_id}", CLIENT_ID)
    assert base == (f"{expected_base}#{page}" if page.startswith("/") else expected_base)
    assert fragment == ("" if page.startswith("/") else page)
    sent = dict(parse_qsl(query, keep_blank_values=True))
    assert {name: value for name, value in sent.items() if wanted.get(name) != "{random}"} == {
        name: value for name, value in wanted.items() if value != "{random}"
    }


def the_code_is_exchanged_and_the_answer_read(slug: str, wire: Wire) -> None:
    toml, config = toml_of(slug), config_of(slug)
    oauth2 = toml["oauth2"]
    long_lived = oauth2.get("long_lived")
    first, second = (token_answer(toml, access=f"access-{n}", refresh=f"refresh-{n}") for n in (1, 2))
    wire.documents = [first, second]
    scopes = [scope["name"] for scope in toml.get("scopes", [])][:1]
    answer = token_request.exchange_code(
        config, APP, code="the-code", redirect_uri=CALLBACK, code_verifier="v" * 43, scopes=scopes
    )
    wanted = {"grant_type": oauth2.get("grant_type", "authorization_code"), "code": "the-code"}
    wanted |= {"redirect_uri": CALLBACK, "code_verifier": "v" * 43, **oauth2.get("token_params", {})}
    request = wire.sent[0]
    wanted |= credentials_in(request, oauth2["token_endpoint_auth_method"])
    if oauth2.get("token_request_scope"):
        wanted["scope"] = scopes[0]
    assert fields_of(request, oauth2) == named(oauth2, wanted, at_token_endpoint=True)
    method = oauth2.get("token_request_method", "POST")
    url = str(request.url).partition("?")[0] if method == "GET" else request.url
    assert (request.method, url) == (method, filled(oauth2["token_url"], toml))
    for name, value in oauth2.get("token_request_headers", {}).items():
        assert request.headers[name] == value.replace("{client_secret}", SECRET)
    assert len(wire.sent) == (2 if long_lived else 1)
    if long_lived:
        assert str(wire.sent[1].url).startswith(long_lived["url"])
    if not oauth2.get("expiry_in_token"):
        assert answer.access_token == ("access-2" if long_lived else "access-1")
    if {"expires_at_path", "expiry_in_token"} & oauth2.keys():
        assert answer.expires_in is not None
        assert answer.expires_in > 1234
    elif oauth2.get("expires_in_path") == "":
        assert answer.expires_in is None
    else:
        assert answer.expires_in == 1234
    assert {path: answer.kept[path] for path in oauth2.get("keep", [])} == {
        path: f"kept at {path}" for path in oauth2.get("keep", [])
    }
    stated = (param for param in toml.get("params", []) if param["source"] == "token_response")
    promised = {param["name"]: param["example"] for param in stated}
    assert response_params.from_token_response(catalog()[slug], answer.kept) == promised


def the_redirect_brings_what_is_declared(slug: str, wire: Wire) -> None:
    toml = toml_of(slug)
    params = [param for param in toml.get("params", []) if param["source"] == "callback" or param.get("callback_field")]
    code = toml["oauth2"].get("callback_code_parameter", "code")
    query = {"state": "s", code: "c"}
    query |= {param.get("callback_field") or param.get("field") or param["name"]: said(param) for param in params}
    text = "&".join(f"{name}={value}" for name, value in query.items())
    parameters = parse_callback(text, code_parameters=[] if code == "code" else [code])
    expected = {param["name"]: param["example"] for param in params}
    assert response_params.from_callback(catalog()[slug], parameters.extra) == expected


def the_token_is_refreshed(slug: str, wire: Wire) -> None:
    toml, config = toml_of(slug), config_of(slug)
    oauth2 = toml["oauth2"]
    refresh = oauth2.get("refresh", {})
    assert config.refresh_supported is refresh.get("supported", True)
    assert config.rotation == refresh.get("rotation", "none")
    if not config.refresh_supported:
        return
    wire.documents = [token_answer(toml, access="access-2", refresh="refresh-2")]
    answer = token_request.refresh(config, APP, refresh_token="refresh-1", redirect_uri=CALLBACK)
    request = wire.sent[0]
    url = filled(refresh.get("url", oauth2["token_url"]), toml)
    if "long_lived" in oauth2:
        assert str(request.url).startswith(url)
        assert answer.refresh_token == "access-2"
        return
    assert str(request.url).startswith(url)
    wanted = {"grant_type": "refresh_token", "refresh_token": "refresh-1", **refresh.get("params", {})}
    wanted |= credentials_in(request, refresh.get("auth_method", oauth2["token_endpoint_auth_method"]))
    if refresh.get("repeats_redirect_uri"):
        wanted["redirect_uri"] = CALLBACK
    assert fields_of(request, oauth2) == named(oauth2, wanted, at_token_endpoint=True)
    assert answer.refresh_token == "refresh-2"


def state_of(slug: str) -> tuple[dict[str, str], dict[str, str]]:
    """The headers and the query that open the API, by the TOML alone."""
    toml = toml_of(slug)
    api = toml["api"]

    def whole(text: str) -> str:
        filled_in = filled(text, toml).replace("{client_id}", CLIENT_ID).replace("{client_secret}", SECRET)
        return filled_in.replace("{access_token}", "at")

    headers = {name: whole(value) for name, value in api.get("headers", {}).items()}
    query = {name: whole(value) for name, value in api.get("query", {}).items()}
    if api.get("access_token_parameter"):
        query[api["access_token_parameter"]] = "at"
    else:
        name, value = api.get("access_token_header", "Authorization: Bearer {access_token}").split(": ", 1)
        headers[name] = whole(value)
    return headers, query


def the_api_is_opened(slug: str, wire: Wire) -> None:
    config = config_of(slug)
    assert config.api_base_url == filled(toml_of(slug)["api"]["base_url"], toml_of(slug))
    headers = access_headers(config, access_token="at", credentials=APP)
    assert (headers, access_query(config, access_token="at", credentials=APP)) == state_of(slug)


def the_account_has_a_label(slug: str, wire: Wire) -> None:
    toml, config = toml_of(slug), config_of(slug)
    account = toml.get("account")
    if account is None:
        assert config.account is None
        return
    document: Any = put({}, account["label_path"], "ada") if account.get("label_path") else {}
    if account.get("subject_path"):
        same = account["subject_path"] == account["label_path"]
        document = put(document, account["subject_path"], "ada" if same else 7)
    if "success_check" in account:
        document = put(document, account["success_check"]["path"], account["success_check"]["equals"])
    # A label of another call: each of the two documents has its part only.
    label_url = account.get("label_url")
    wire.documents = [put({}, account["subject_path"], 7), document] if label_url else [document]
    found = fetch_account(config, access_token="at", credentials=APP)
    subject = {None: "ada", "": "", account.get("label_path"): "ada"}.get(account.get("subject_path"), "7")
    assert (found.label, found.subject) == ("ada", subject)
    request, *further = wire.sent
    assert [other.url for other in further] == ([filled(label_url, toml)] if label_url else [])
    headers, query = state_of(slug)
    assert request.method == account["method"]
    assert unquote(str(request.url)).startswith(unquote(filled(account["url"], toml)))
    assert query.items() <= dict(parse_qsl(urlsplit(request.url).query)).items()
    for name, value in (headers | account.get("headers", {})).items():
        assert request.headers[name] == value.replace("{access_token}", "at")
    if "form" in account:
        assert dict(parse_qsl(str(request.body)))["client_secret"] == SECRET
    assert "{" not in str(request.url)


def the_account_is_placed(slug: str, wire: Wire) -> None:
    toml, config = toml_of(slug), config_of(slug)
    placement = toml.get("placement")
    if placement is None:
        assert config.placement is None
        return
    params = {param["name"]: param for param in toml["params"]}
    choice: Any = {}
    for name, path in placement["values"].items():
        choice = put(choice, path, params[name]["example"])
    if "where" in placement:
        choice = put(choice, placement["where"]["path"], placement["where"]["equals"])
    if "label_path" in placement:
        choice = put(choice, placement["label_path"].split(" | ")[0], "Acme")
    path = placement.get("list_path")
    wire.documents = [choice if path is None else put({}, path, [choice]) if path else [choice]]
    (found,) = fetch_placements(config, access_token="at", credentials=APP)
    expected = {name: params[name]["example"] for name in placement["values"]}
    assert response_params.from_placement(catalog()[slug], found.values) == expected
    assert found.label == ("Acme" if "label_path" in placement else ", ".join(expected.values()))
    assert wire.sent[0].url == filled(placement["url"], toml)


def the_grant_can_be_ended_where_the_service_has_a_call_for_it(slug: str, wire: Wire) -> None:
    toml, config = toml_of(slug), config_of(slug)
    revocation = toml.get("revocation")
    if revocation is None:
        assert config.revocation is None
        return
    requests = revocation_requests(config, APP, access_token="at", refresh_token="rt")
    assert [request.endpoint.url for request in requests] == [filled(revocation["url"], toml)] * len(
        revocation.get("tokens", ["refresh_token", "access_token"])
    )
    assert requests[0].method == revocation.get("method", "POST")
    for request in requests:
        assert "{" not in request.url + "".join([*request.headers.values(), *request.fields.values()])
        for name, value in revocation.get("params", {}).items():
            expected = filled(value, toml).replace("{client_id}", APP.client_id)
            assert request.fields[name] == expected.replace("{client_secret}", APP.client_secret or "")


CHECKS = (
    the_consent_page,
    the_redirect_brings_what_is_declared,
    the_code_is_exchanged_and_the_answer_read,
    the_account_is_placed,
    the_account_has_a_label,
    the_api_is_opened,
    the_token_is_refreshed,
    the_grant_can_be_ended_where_the_service_has_a_call_for_it,
)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_whole_flow_follows_the_catalog_file(slug: str, wire: Wire) -> None:
    for check in CHECKS:
        wire.sent.clear()
        check(slug, wire)
