"""Each way in which a provider departs from the RFCs, as data, over real sockets where something is sent."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from apps.oauth import token_request
from apps.oauth.account import Account, fetch_account, fetch_placements
from apps.oauth.authorization import authorization_url, code_of, parse_callback, verify_signature
from apps.oauth.errors import InvalidCallback, InvalidGrant, MalformedResponse, ReservedParameter, TokenError
from apps.oauth.paths import Check
from apps.oauth.provider import (
    AccountEndpoint,
    AnswerAccount,
    ClientCredentials,
    LongLivedExchange,
    Placement,
    ProviderConfig,
    RevocationEndpoint,
    SecondaryTokenRule,
    access_headers,
    access_query,
)
from apps.oauth.revocation import revocation_requests, revoke
from apps.oauth.token_response import TokenResponse, parse_token_response
from tests.servers import HttpServer

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def answer_with(server: HttpServer, **fields: Any) -> None:
    document = {"access_token": "at", "token_type": "Bearer", **fields}
    server.will_answer(200, json.dumps(document).encode())


def exchange(provider: ProviderConfig, credentials: ClientCredentials, **more: Any) -> TokenResponse:
    return token_request.exchange_code(
        provider, credentials, code="c", redirect_uri="https://us.test/cb", code_verifier=None, **more
    )


def parsed(provider: ProviderConfig, **document: Any) -> TokenResponse:
    return parse_token_response(
        status=200,
        headers={"Content-Type": "application/json", "Date": format_datetime(NOW, usegmt=True)},
        body=json.dumps(document).encode(),
        provider=provider,
    )


def url_of(provider: ProviderConfig, *scopes: str, challenge: str | None = None) -> str:
    return authorization_url(
        provider,
        ClientCredentials("the id", "s"),
        redirect_uri="https://us.test/cb",
        state="st",
        scopes=scopes,
        code_challenge=challenge,
    )


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def jwt(**claims: Any) -> str:
    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.{secrets.token_urlsafe(8)}"


# --- The consent page -----------------------------------------------------------------------------------------------


def test_parameters_have_the_providers_names(provider: ProviderConfig) -> None:
    names = {"client_id": "client_key", "redirect_uri": "redirect_url", "scope": "permissions"}
    query = query_of(url_of(replace(provider, parameter_names=names), "read"))
    assert (query["client_key"], query["redirect_url"], query["permissions"]) == (
        "the id",
        "https://us.test/cb",
        "read",
    )
    assert not query.keys() & names.keys()


def test_a_renamed_parameter_cannot_be_set_by_the_providers_data_as_well(provider: ProviderConfig) -> None:
    renamed = replace(provider, parameter_names={"client_id": "app_id"}, authorization_params={"app_id": "another"})
    with pytest.raises(ReservedParameter):
        url_of(renamed)


def test_the_response_type_may_be_another(provider: ProviderConfig) -> None:
    assert query_of(url_of(replace(provider, response_type="auth_code")))["response_type"] == "auth_code"


def test_the_client_id_may_be_in_the_path(server: HttpServer, provider: ProviderConfig) -> None:
    url = url_of(replace(provider, authorization_url=f"{server.url}/authorize/{{client_id}}"))
    assert urlsplit(url).path == "/authorize/the%20id"


def test_a_fragment_ends_the_url(provider: ProviderConfig) -> None:
    url = url_of(replace(provider, authorization_fragment="wechat_redirect"))
    assert url.endswith("#wechat_redirect")
    assert query_of(url)["state"] == "st"


def test_a_fragment_that_is_a_page_takes_the_parameters(provider: ProviderConfig) -> None:
    parts = urlsplit(url_of(replace(provider, authorization_fragment="/oauth/authorize")))
    page, _, query = parts.fragment.partition("?")
    assert (parts.query, page) == ("", "/oauth/authorize")
    assert dict(parse_qsl(query))["state"] == "st"


def test_a_nonce_is_new_each_time(provider: ProviderConfig) -> None:
    wants = replace(provider, authorization_params={"nonce": "{random}"})
    first, second = (query_of(url_of(wants))["nonce"] for _ in range(2))
    assert len(first) > 20
    assert first != second


def test_scopes_may_be_requested_with_other_parameters(provider: ProviderConfig) -> None:
    wants = replace(provider, scope_parameters={"search": "user_scope", "tickets": "optional_scope"})
    query = query_of(url_of(wants, "read", "search", "tickets", "write"))
    assert (query["scope"], query["user_scope"], query["optional_scope"]) == ("read write", "search", "tickets")


def test_a_scope_may_hold_a_value_of_the_connection(provider: ProviderConfig) -> None:
    name = "https://{environment}/all"
    wants = replace(provider, scope_values={name: "https://acme.crm.example/all"})
    assert query_of(url_of(wants, name))["scope"] == "https://acme.crm.example/all"


@pytest.mark.parametrize(
    ("facts", "scopes", "prompt"),
    [
        ({}, ["openid", "offline_access"], "consent"),
        ({}, ["offline_access"], None),
        ({}, ["openid", "profile"], None),
        ({"prompt_for_offline": False}, ["openid", "offline_access"], None),
        ({"authorization_params": {"prompt": "select_account"}}, ["openid", "offline_access"], "select_account"),
    ],
)
def test_offline_access_with_openid_asks_for_consent_unless_the_data_says_otherwise(
    provider: ProviderConfig, facts: dict[str, Any], scopes: list[str], prompt: str | None
) -> None:
    assert query_of(url_of(replace(provider, **facts), *scopes)).get("prompt") == prompt


def test_a_prompt_in_the_authorization_url_is_kept(server: HttpServer, provider: ProviderConfig) -> None:
    url = url_of(replace(provider, authorization_url=f"{server.url}/a?prompt=login"), "openid", "offline_access")
    assert parse_qs(urlsplit(url).query)["prompt"] == ["login"]


def test_a_name_that_the_authorization_url_repeats_is_sent_as_often(
    server: HttpServer, provider: ProviderConfig
) -> None:
    repeats = replace(provider, authorization_url=f"{server.url}/authorize?resource=a&resource=b&x=1")
    query = parse_qs(urlsplit(url_of(replace(repeats, authorization_params={"x": "2"}))).query)
    assert (query["resource"], query["x"]) == (["a", "b"], ["2"])


def test_pkce_is_left_out_where_it_breaks(provider: ProviderConfig) -> None:
    assert "code_challenge" not in query_of(url_of(provider))


# --- The redirect ---------------------------------------------------------------------------------------------------


def test_the_code_may_come_under_another_name(provider: ProviderConfig) -> None:
    parameters = parse_callback("state=s&auth_code=right&code=other", code_parameters=["auth_code"])
    assert code_of(parameters, replace(provider, callback_code_parameter="auth_code")) == "right"
    assert code_of(parameters, provider) == "other"


@pytest.mark.parametrize(
    "query", ["state=s", "state=s&auth_code=a&auth_code=b", "state=s&auth_code=%00", "state=s&auth_code="]
)
def test_a_code_under_another_name_is_read_as_strictly(query: str) -> None:
    with pytest.raises(InvalidCallback):
        parse_callback(query, code_parameters=["auth_code"])


def signed(query: str, secret: str) -> str:
    message = "&".join(sorted(query.split("&")))
    return f"{query}&hmac={hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()}"


def test_a_signed_redirect_is_accepted_and_any_other_refused(
    provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    signs = replace(provider, callback_signature_parameter="hmac")
    good = signed("state=s&code=c&shop=acme.myshopify.com&timestamp=1", credentials.client_secret or "")
    verify_signature(good, signs, credentials)
    forged = signed("state=s&code=c", "not the secret")
    for bad in (good.replace("code=c", "code=d"), good + "&more=1", good + "&hmac=0", "state=s&code=c", forged):
        with pytest.raises(InvalidCallback):
            verify_signature(bad, signs, credentials)
    with pytest.raises(InvalidCallback):
        verify_signature(signed("state=s", ""), signs, ClientCredentials("id"))
    verify_signature("state=s&code=c", provider, credentials)  # unsigned, as nearly everywhere


# --- The token request ----------------------------------------------------------------------------------------------


def test_the_token_request_has_the_providers_names(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    wants = replace(
        provider,
        token_endpoint_auth_method="client_secret_post",
        token_request_encoding="json",
        parameter_names={"client_id": "app_id", "client_secret": "secret", "code": "auth_code"},
        token_parameter_names={"client_id": "clientId", "grant_type": "grantType", "refresh_token": "refreshToken"},
    )
    exchange(wants, credentials)
    token_request.refresh(wants, credentials, refresh_token="r")
    sent, renewed = (json.loads(received.body) for received in server.received)
    assert sent == {
        "clientId": credentials.client_id,
        "secret": credentials.client_secret,
        "auth_code": "c",
        "grantType": "authorization_code",
        "redirect_uri": "https://us.test/cb",
    }
    assert (renewed["refreshToken"], renewed["grantType"]) == ("r", "refresh_token")


def test_the_token_request_may_be_a_get(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    exchange(
        replace(provider, token_request_method="GET", token_endpoint_auth_method="client_secret_post"), credentials
    )
    [received] = server.received
    assert (received.method, received.body) == ("GET", b"")
    assert dict(parse_qsl(urlsplit(received.path).query))["client_secret"] == credentials.client_secret


def test_basic_credentials_may_be_sent_as_they_are(server: HttpServer, provider: ProviderConfig) -> None:
    answer_with(server)
    app = ClientCredentials("the id", "a+b/c=d%e:f")
    exchange(provider, app)
    exchange(replace(provider, basic_credentials="raw"), app)
    encoded, raw = (
        base64.b64decode(received.headers["Authorization"].removeprefix("Basic ")).decode()
        for received in server.received
    )
    assert (encoded, raw) == ("the+id:a%2Bb%2Fc%3Dd%25e%3Af", "the id:a+b/c=d%e:f")


def test_the_grant_type_may_be_another(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    exchange(replace(provider, grant_type="auth_code"), credentials)
    assert server.received[0].form["grant_type"] == "auth_code"


def test_the_secret_may_be_sent_in_a_header(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    plain = ClientCredentials("id", secrets.token_urlsafe())
    wants = replace(
        provider, token_endpoint_auth_method="none", token_request_headers={"secret_key": "{client_secret}"}
    )
    exchange(wants, plain)
    assert server.received[0].headers["secret_key"] == plain.client_secret
    assert "client_secret" not in server.received[0].form


def test_scopes_are_repeated_with_the_code_only_where_the_data_says_so(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    exchange(provider, credentials, scopes=["a", "b"])
    exchange(replace(provider, token_request_scope=True), credentials, scopes=["a", "b"])
    assert "scope" not in server.received[0].form
    assert server.received[1].form["scope"] == "a b"


def test_a_refresh_may_have_its_own_url_authentication_and_redirect_uri(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    wants = replace(
        provider,
        token_endpoint_auth_method="client_secret_post",
        refresh_auth_method="client_secret_basic",
        refresh_url=f"{server.url}/again",
        refresh_repeats_redirect_uri=True,
    )
    token_request.refresh(wants, credentials, refresh_token="r", redirect_uri="https://us.test/cb")
    token_request.refresh(provider, credentials, refresh_token="r", redirect_uri="https://us.test/cb")
    first, second = server.received
    assert (first.path, first.headers["Authorization"]) == ("/again", credentials.basic())
    assert first.form == {"grant_type": "refresh_token", "refresh_token": "r", "redirect_uri": "https://us.test/cb"}
    assert "redirect_uri" not in second.form


# --- Its answer -----------------------------------------------------------------------------------------------------


def test_tokens_may_be_nested_or_at_one_of_several_paths(provider: ProviderConfig) -> None:
    deep = replace(
        provider,
        access_token_path="access_token | data[0].access_token",
        refresh_token_path="data[0].refresh",
        expires_in_path="data[0].life",
    )
    answer = parsed(deep, data=[{"access_token": "deep", "refresh": "r", "life": "60"}])
    assert (answer.access_token, answer.refresh_token, answer.expires_in) == ("deep", "r", 60)
    assert parsed(deep, access_token="top").access_token == "top"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2026-11-24T13:00:00Z", 3600),
        ("2026-11-24T14:00:00+01:00", 3600),
        (int(NOW.timestamp()) + 60, 60),
        (str(int(NOW.timestamp()) + 60), 60),
        ((int(NOW.timestamp()) + 60) * 1000, 60),
        ("2020-01-01T00:00:00Z", 0),
        ("soon", 99),
        (None, 99),
        (True, 99),
    ],
)
def test_expiry_may_be_a_moment_by_the_servers_clock(provider: ProviderConfig, said: object, seconds: int) -> None:
    wants = replace(provider, expires_at_path="expires_at", default_expires_in=99)
    assert parsed(wants, access_token="t", refresh_token="r", expires_at=said).expires_in == seconds


def test_expiry_may_be_a_claim_of_the_token(provider: ProviderConfig) -> None:
    wants = replace(provider, expiry_in_token=True, default_expires_in=99)
    assert parsed(wants, access_token=jwt(exp=int(NOW.timestamp()) + 1800)).expires_in == 1800
    for opaque in ("opaque", jwt(), "a.b.c", jwt(exp="never")):
        assert parsed(wants, access_token=opaque).expires_in == 99


def test_an_expiry_that_means_never_is_not_read(provider: ProviderConfig) -> None:
    assert parsed(replace(provider, expires_in_path=""), access_token="t", expires_in=0).expires_in is None


def test_a_missing_expiry_has_a_default(provider: ProviderConfig) -> None:
    assert parsed(replace(provider, default_expires_in=7200), access_token="t").expires_in == 7200


def test_scopes_of_a_second_token_count_as_granted(provider: ProviderConfig) -> None:
    rule = SecondaryTokenRule("user", "authed_user.access_token", scope_path="authed_user.scope")
    wants = replace(provider, scope_separator=",", secondary_tokens=(rule,))
    answer = parsed(wants, access_token="bot", scope="a,b", authed_user={"access_token": "user", "scope": "c"})
    assert answer.scopes == {"a", "b", "c"}
    assert answer.secondary["user"].access_token == "user"
    assert parsed(wants, access_token="bot", authed_user={"access_token": "u", "scope": "c"}).scopes is None


def test_a_failure_may_come_as_a_success(provider: ProviderConfig) -> None:
    wants = replace(provider, success_check=Check("status", 0))
    assert parsed(wants, status=0, access_token="t").access_token == "t"
    with pytest.raises(TokenError):
        parsed(wants, status=293, access_token="t")


def test_the_response_or_its_id_token_may_name_the_account(provider: ProviderConfig) -> None:
    by_answer = replace(provider, answer_account=AnswerAccount(subject_path="user.id", label_path="user.email"))
    answer = parsed(by_answer, access_token="t", user={"id": 7, "email": "ada@acme.example"})
    assert (answer.subject, answer.label) == ("7", "ada@acme.example")
    claims = {"sub": "s-1", "preferred_username": "ada"}
    by_token = AnswerAccount(source="id_token", subject_path="sub", label_path="preferred_username")
    answer = parsed(replace(provider, answer_account=by_token), access_token="t", id_token=jwt(**claims))
    assert (answer.subject, answer.label) == ("s-1", "ada")
    for broken in (None, "x", "a.b.c", 5):
        assert parsed(replace(provider, answer_account=by_token), access_token="t", id_token=broken).subject == ""


def test_an_access_token_that_is_a_jwt_may_name_the_account(provider: ProviderConfig) -> None:
    rule = AnswerAccount("access_token", subject_path='["https://acme.example/account.id"]', label_path="user.email")
    asked = replace(provider, answer_account=rule)
    claims = {"https://acme.example/account.id": 7, "user": {"email": "ada@acme.example"}}
    answer = parsed(asked, access_token=jwt(**claims))
    assert (answer.subject, answer.label) == ("7", "ada@acme.example")
    assert parsed(asked, access_token="opaque").subject == ""


# --- Long-lived tokens ----------------------------------------------------------------------------------------------


def long_lived(server: HttpServer, provider: ProviderConfig, refresh_grant: str | None) -> ProviderConfig:
    exchange = LongLivedExchange(
        url=f"{server.url}/long", grant_type="ig_exchange_token", refresh_grant_type=refresh_grant
    )
    return replace(
        provider,
        token_endpoint_auth_method="client_secret_post",
        long_lived=exchange,
        refresh_url=f"{server.url}/renew",
        default_expires_in=5_184_000,
        keep=("user_id",),
    )


def test_a_short_lived_token_is_exchanged_for_one_that_can_be_extended(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    for token in ("short", "long", "longer"):
        server.will_answer(
            200,
            json.dumps(
                {"access_token": token, "user_id": "7"} if token == "short" else {"access_token": token}
            ).encode(),
        )
    wants = long_lived(server, provider, "ig_refresh_token")
    answer = exchange(wants, credentials)
    assert (answer.access_token, answer.refresh_token, answer.expires_in) == ("long", "long", 5_184_000)
    assert answer.kept == {"user_id": "7"}
    renewed = token_request.refresh(wants, credentials, refresh_token="long")
    assert (renewed.access_token, renewed.refresh_token) == ("longer", "longer")
    _, second, third = server.received
    assert (second.method, urlsplit(second.path).path) == ("GET", "/long")
    assert parse_qs(urlsplit(second.path).query) == {
        "grant_type": ["ig_exchange_token"],
        "client_id": [credentials.client_id],
        "client_secret": [credentials.client_secret],
        "access_token": ["short"],
    }
    assert urlsplit(third.path).path == "/renew"
    assert parse_qs(urlsplit(third.path).query) == {"grant_type": ["ig_refresh_token"], "access_token": ["long"]}


def test_a_long_lived_token_that_cannot_be_extended_has_no_refresh_token(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    answer_with(server)
    wants = long_lived(server, provider, None)
    assert exchange(wants, credentials).refresh_token is None
    with pytest.raises(InvalidGrant):
        token_request.refresh(wants, credentials, refresh_token="at")


# --- The API --------------------------------------------------------------------------------------------------------


def test_api_headers_may_name_the_oauth_app(provider: ProviderConfig) -> None:
    app = ClientCredentials("id", secrets.token_urlsafe())
    wants = replace(
        provider,
        api_headers={"x-api-key": "{client_id}:{client_secret}", "Version": "2"},
        access_token_header="X-Token: {access_token}",
    )
    assert access_headers(wants, access_token="t", credentials=app) == {
        "x-api-key": f"id:{app.client_secret}",
        "Version": "2",
        "X-Token": "t",
    }
    assert access_headers(wants, access_token="t") == {"Version": "2", "X-Token": "t"}


def test_the_token_may_go_into_the_query(server: HttpServer, provider: ProviderConfig) -> None:
    server.will_answer(200, b'{"id": 1, "name": "Ada"}')
    wants = replace(
        provider,
        access_token_parameter="oauth_token",
        api_query={"v": "20240101"},
        account=AccountEndpoint("GET", f"{server.url}/me?site=x", subject_path="id", label_path="name"),
    )
    assert access_query(wants, access_token="t") == {"v": "20240101", "oauth_token": "t"}
    assert fetch_account(wants, access_token="t") == Account("1", "Ada")
    [received] = server.received
    assert received.path == "/me?site=x&v=20240101&oauth_token=t"
    assert "Authorization" not in received.headers


def test_the_account_request_may_be_a_form(
    server: HttpServer, provider: ProviderConfig, credentials: ClientCredentials
) -> None:
    server.will_answer(200, b'{"hub_domain": "acme.example"}')
    form = {"client_id": "{client_id}", "client_secret": "{client_secret}", "token": "{access_token}"}
    account = AccountEndpoint("POST", f"{server.url}/introspect", label_path="hub_domain", form=form)
    wants = replace(provider, account=account)
    assert fetch_account(wants, access_token="t&x", credentials=credentials).subject == "acme.example"
    assert server.received[0].form == {
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "token": "t&x",
    }


def test_a_mere_name_is_not_a_subject(server: HttpServer, provider: ProviderConfig) -> None:
    server.will_answer(200, b'{"name": "Ada"}')
    named = AccountEndpoint("GET", f"{server.url}/me", subject_path="", label_path="name")
    assert fetch_account(replace(provider, account=named), access_token="t") == Account("", "Ada")


# --- Where the account lives ----------------------------------------------------------------------------------------


def placed(server: HttpServer, provider: ProviderConfig, **facts: Any) -> ProviderConfig:
    facts = {"values": {"cloud_id": "id"}, "headers": {"Authorization": "OAuth {access_token}"}} | facts
    return replace(provider, placement=Placement(url=f"{server.url}/sites", **facts))


@pytest.mark.parametrize(
    ("facts", "answer", "found"),
    [
        ({"list_path": ""}, [{"id": "one"}, {"id": "two"}], {"cloud_id": "one"}),
        ({"list_path": "accounts"}, {"accounts": [{"id": 5}]}, {"cloud_id": "5"}),
        ({}, {"id": "us6"}, {"cloud_id": "us6"}),
        (
            {"list_path": "accounts", "where": Check("product", "bc3"), "values": {"account": "id", "host": "href"}},
            {"accounts": [{"product": "old", "id": 1, "href": "x"}, {"product": "bc3", "id": 2, "href": "y"}]},
            {"account": "2", "host": "y"},
        ),
    ],
)
def test_a_call_after_connecting_finds_the_site_of_the_account(
    server: HttpServer, provider: ProviderConfig, facts: dict[str, Any], answer: object, found: dict[str, str]
) -> None:
    server.will_answer(200, json.dumps(answer).encode())
    first, *_ = fetch_placements(placed(server, provider, **facts), access_token="t")
    assert first.values == found
    assert server.received[0].headers["Authorization"] == "OAuth t"


def test_all_sites_are_choices_with_their_names_and_each_once(server: HttpServer, provider: ProviderConfig) -> None:
    answer = [{"id": "one", "name": "Old"}, {"id": "two", "name": "New"}, {"id": "one", "name": "Old"}, {"id": ""}]
    server.will_answer(200, json.dumps(answer).encode())
    config = placed(server, provider, list_path="", label_path="name")
    choices = fetch_placements(config, access_token="t")
    assert [(choice.values, choice.label) for choice in choices] == [
        ({"cloud_id": "one"}, "Old"),
        ({"cloud_id": "two"}, "New"),
    ]


@pytest.mark.parametrize("answer", [[], {}, [{}], [{"id": None}], "x", [7]])
def test_an_account_without_a_site_is_an_error(server: HttpServer, provider: ProviderConfig, answer: object) -> None:
    server.will_answer(200, json.dumps(answer).encode())
    with pytest.raises(MalformedResponse):
        fetch_placements(placed(server, provider, list_path=""), access_token="t")


def test_a_provider_without_a_placement_is_not_called(server: HttpServer, provider: ProviderConfig) -> None:
    assert fetch_placements(provider, access_token="t") == []
    assert server.received == []


# --- Revocation -----------------------------------------------------------------------------------------------------


def test_a_revocation_may_want_a_query_headers_of_the_app_and_other_names(
    server: HttpServer, provider: ProviderConfig
) -> None:
    server.will_answer(200, b"")
    app = ClientCredentials("id", secrets.token_urlsafe())
    endpoint = RevocationEndpoint(
        url=f"{server.url}/revoke",
        client_authentication="client_id",
        body_encoding="query",
        token_type_hint=False,
        tokens=("refresh_token",),
        headers={"Authorization": "Client {client_secret}"},
        params={"account": "7"},
    )
    wants = replace(provider, revocation=endpoint, parameter_names={"client_id": "client_key"})
    revoke(wants, app, access_token="a", refresh_token="r")
    [received] = server.received
    assert parse_qs(urlsplit(received.path).query) == {"token": ["r"], "client_key": ["id"], "account": ["7"]}
    assert (received.body, received.headers["Authorization"]) == (b"", f"Client {app.client_secret}")


def test_a_revocation_may_be_a_delete_with_the_token_as_key(provider: ProviderConfig) -> None:
    endpoint = RevocationEndpoint(
        url="https://api.example/tokens",
        method="DELETE",
        client_authentication="bearer",
        body_encoding="none",
        tokens=("access_token",),
    )
    wants = replace(provider, revocation=endpoint, access_token_header="X-Key: {access_token}")
    [request] = revocation_requests(wants, ClientCredentials("id"), access_token="a", refresh_token="r")
    assert (request.method, request.headers["X-Key"], request.fields) == ("DELETE", "a", {})
