"""apps.oauth.authorization"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from apps import egress
from apps.egress import destination
from apps.oauth.authorization import (
    CallbackParameters,
    authorization_url,
    check_endpoint,
    code_of,
    parse_callback,
    verify_issuer,
)
from apps.oauth.errors import (
    AuthorizationDenied,
    EndpointRefused,
    InvalidCallback,
    IssuerMismatch,
    ReservedParameter,
)
from apps.oauth.provider import ClientCredentials, ProviderConfig

PROVIDER = ProviderConfig(
    slug="example",
    name="Example",
    authorization_url="https://service.test/authorize",
    token_url="https://service.test/token",
)

PLAIN = ProviderConfig(
    slug="plain", name="Plain", authorization_url="https://plain.example/a", token_url="https://plain.example/t"
)


def url_for(provider: ProviderConfig = PROVIDER, extra: Mapping[str, str] | None = None) -> str:
    return authorization_url(
        provider,
        ClientCredentials("client"),
        redirect_uri="https://us.test/oauth/callback",
        state="the state",
        scopes=["read", "write"],
        code_challenge="challenge",
        extra=extra or {},
    )


def parameters_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def test_the_url_carries_each_parameter_once() -> None:
    assert parameters_of(url_for()) == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": ["https://us.test/oauth/callback"],
        "state": ["the state"],
        "scope": ["read write"],
        "code_challenge": ["challenge"],
        "code_challenge_method": ["S256"],
    }


def test_quirks_are_data() -> None:
    provider = replace(
        PROVIDER,
        authorization_url="https://service.test/authorize?tenant=7",
        scope_separator=",",
        scope_parameter="user_scope",
        authorization_params={"prompt": "consent", "access_type": "offline"},
    )
    parameters = parameters_of(url_for(provider, {"prompt": "login"}))
    assert parameters["user_scope"] == ["read,write"]
    assert parameters["tenant"] == ["7"]
    assert parameters["access_type"] == ["offline"]
    assert parameters["prompt"] == ["login"]
    assert "scope" not in parameters


def test_without_scopes_and_challenge_neither_is_sent() -> None:
    url = authorization_url(
        PROVIDER, ClientCredentials("client"), redirect_uri="r", state="s", scopes=[], code_challenge=None
    )
    assert set(parameters_of(url)) == {"response_type", "client_id", "redirect_uri", "state"}


@pytest.mark.parametrize(
    "name",
    [
        "state", "redirect_uri", "client_id", "response_type", "code_challenge", "code_challenge_method", "scope",
        "STATE", "Redirect_URI",
    ],
)  # fmt: skip
def test_parameters_of_the_protocol_cannot_be_smuggled_in(name: str) -> None:
    with pytest.raises(ReservedParameter):
        url_for(extra={name: "x"})
    with pytest.raises(ReservedParameter):
        url_for(replace(PROVIDER, authorization_params={name: "x"}))
    with pytest.raises(ReservedParameter):
        url_for(replace(PROVIDER, authorization_url=f"https://service.test/authorize?{name}="))


@pytest.mark.parametrize(
    "url",
    [
        "http://service.test/authorize",
        "javascript:alert(1)//",
        "https://user@service.test/authorize",
        "https://service.test/authorize#fragment",
        "https://127.0.0.1/authorize",
        "//service.test/authorize",
        "",
    ],
)
def test_an_unusable_authorization_url_is_refused(url: str) -> None:
    with pytest.raises(EndpointRefused):
        url_for(replace(PROVIDER, authorization_url=url))
    with pytest.raises(EndpointRefused):
        check_endpoint(url)


def test_http_is_accepted_on_an_allowed_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    egress.configure(allowed_hosts=["127.0.0.1:8100"])
    check_endpoint("http://127.0.0.1:8100/authorize")


# --- The callback ------------------------------------------------------------------------------------------------


def test_a_callback_is_read() -> None:
    parameters = parse_callback("code=a%2Fb&state=s&iss=https%3A%2F%2Fservice.test&realmId=42")
    assert parameters == CallbackParameters(state="s", code="a/b", iss="https://service.test", extra={"realmId": "42"})
    assert code_of(parameters, PLAIN) == "a/b"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=c",
        "code=c&state=",
        "state=s",
        "state=s&code=",
        "state=s&code=a&code=b",
        "state=s&code=a&code=a",
        "state=s&state=t&code=a",
        "state=s&error=a&error=b",
        "state=s&code=a&iss=a&iss=b",
        "state=s&code=a&iss=a&iss=",
        "state=s&code=a%00b",
        "state=s%0A&code=a",
        "state=s&code=a%7F",
        "state=s&code=a%C2%85",
        "state=s&code=%ff",
        "state=s&code=a&iss=%0d",
        "state=s&error=a%0d%0ab",
        "state=" + "s" * 513 + "&code=c",
        "state=s&code=" + "c" * 8_193,
        "state=s&code=c&x=" + "x" * 16_384,
        "state=s&code=c" + "&x=y" * 200,
    ],
)
def test_a_callback_that_breaks_the_rfc_is_rejected(query: str) -> None:
    with pytest.raises(InvalidCallback):
        parse_callback(query)


def test_an_error_wins_over_a_code() -> None:
    parameters = parse_callback("state=s&code=c&error=access_denied&error_description=The%20person%0D%0Asaid%20no")
    with pytest.raises(AuthorizationDenied) as caught:
        code_of(parameters, PLAIN)
    assert caught.value.error == "access_denied"
    assert caught.value.description == "The person said no"
    assert str(caught.value) == "access_denied"


def test_what_does_not_look_like_an_error_code_is_not_kept() -> None:
    with pytest.raises(AuthorizationDenied) as caught:
        code_of(parse_callback("state=s&error=<script>alert(1)</script>"), PLAIN)
    assert caught.value.error == "unrecognized"


def test_a_callback_does_not_show_its_code() -> None:
    assert "the-code" not in repr(parse_callback("state=s&code=the-code&extra=the-code"))


@pytest.mark.parametrize(
    ("iss", "issuer", "promised", "accepted"),
    [
        ("https://service.test", "https://service.test", True, True),
        ("https://service.test", "https://service.test", False, True),
        ("https://service.test/", "https://service.test", False, False),
        ("https://SERVICE.test", "https://service.test", False, False),
        ("https://evil.test", "https://service.test", True, False),
        (None, "https://service.test", True, False),
        (None, "https://service.test", False, True),
        ("https://whatever.test", None, False, True),
        ("https://whatever.test", None, True, False),
    ],
)
def test_the_issuer_is_compared_exactly(iss: str | None, issuer: str | None, promised: bool, accepted: bool) -> None:
    provider = replace(PROVIDER, issuer=issuer, iss_required=promised)
    parameters = CallbackParameters(state="s", code="c", iss=iss)
    if accepted:
        verify_issuer(parameters, provider)
    else:
        with pytest.raises(IssuerMismatch):
            verify_issuer(parameters, provider)
