"""The consent page and the redirect: what is asked, in whose words, and what is taken from the answer."""

import hashlib
import hmac
from urllib.parse import parse_qsl, urlsplit

from tests.authserver.dialect import Dialect, DialectServer
from tests.connections.quirks.files import param
from tests.connections.quirks.story import Story, case


@case({"oauth2": {"issuer": "{origin}", "iss_required": True}, "revocation": {"url": "{origin}/revoke"}},
      redirect=lambda server, answer: answer | {"iss": server.url})  # fmt: skip
def the_rfcs_alone(story: Story) -> None:
    sent = story.exchange.form
    assert sent.keys() == {"grant_type", "code", "redirect_uri", "code_verifier"}
    assert story.asked["code_challenge_method"] == "S256"
    assert story.asked["scope"] == "read"
    assert story.refresh.form.keys() == {"grant_type", "refresh_token"}
    assert story.api_calls[0].headers["Authorization"] == f"Bearer {story.tokens[0].access_token}"
    refresh, access = (request.form for request in story.revocations)
    assert (refresh["token_type_hint"], access["token_type_hint"]) == ("refresh_token", "access_token")
    assert access["token"] == story.server.grants.families[0].access_tokens[-1]
    assert story.ended is not None
    assert story.ended.revocation == "revoked"


@case({"oauth2": {"pkce": False}})
def no_pkce(story: Story) -> None:
    assert not {"code_challenge", "code_challenge_method"} & story.asked.keys()
    assert "code_verifier" not in story.exchange.form
    assert story.ended is not None
    assert story.ended.revocation == "unsupported"


@case(
    {
        "oauth2": {
            "scope_parameter": "permissions", "scope_separator": ",", "scope_response_separator": ";",
            "scope_path": "allowed.list", "token_request_scope": True,
        },
        "scopes": [
            {"name": "read", "description": "Read", "access": "read", "default": True, "aliases": ["READ_ALL"]},
            {"name": "write", "description": "Write", "access": "write"},
            {"name": "look", "description": "Look", "access": "read", "included_in": ["write"]},
            {"name": "offline", "description": "Stay", "access": "read", "reported": False},
            {"name": "things:{area}", "description": "Of the area", "access": "read"},
        ],
        "params": [param("area", "[a-z]{2,9}", "north", "user")],
    },
    Dialect(says=lambda d: {**d, "scope": None, "allowed": {"list": "READ_ALL;write;things:north"}}),
    scopes=("read", "write", "look", "offline", "things:{area}"), params={"area": "north"},
)  # fmt: skip
def scopes_in_words_of_its_own(story: Story) -> None:
    assert story.asked["permissions"] == "read,write,look,offline,things:north"
    assert story.exchange.form["permissions"] == story.asked["permissions"]
    assert story.connection.scopes_granted == ["READ_ALL", "things:north", "write"]
    assert story.tokens[0].missing_scopes == []


@case(
    {
        "scopes": [
            {"name": "read", "description": "Read", "access": "read", "default": True},
            {"name": "search", "description": "Search", "access": "read", "parameter": "user_scope"},
        ],
    },
    scopes=("read", "search"),
)  # fmt: skip
def a_scope_with_a_parameter_of_its_own(story: Story) -> None:
    assert (story.asked["scope"], story.asked["user_scope"]) == ("read", "search")
    assert story.tokens[0].missing_scopes == ["search"]


@case(
    {
        "oauth2": {
            "authorization_url": "{origin}/apps/{client_id}/authorize",
            "authorization_params": {"audience": "api-{area}", "prompt": "consent", "nonce": "{random}"},
            "response_type": "auth_code",
            "authorization_fragment": "wechat_redirect",
            "parameter_names": {"redirect_uri": "redirect_url"},
        },
        "params": [param("area", "[a-z]{2,9}", "north", "user", default="south", optional=True)],
    },
    Dialect(names={"redirect_uri": "redirect_url"}),
)  # fmt: skip
def a_consent_page_with_extra_parameters(story: Story) -> None:
    assert (story.asked["audience"], story.asked["prompt"]) == ("api-south", "consent")
    assert len(story.asked["nonce"]) > 20
    assert (story.asked["response_type"], urlsplit(story.consent_url).fragment) == ("auth_code", "wechat_redirect")
    assert "redirect_uri" not in story.asked
    assert urlsplit(story.consent_url).path == f"/apps/{story.server.client.client_id}/authorize"
    assert story.exchange.form["redirect_url"] == story.asked["redirect_url"]


@case({"oauth2": {"authorization_fragment": "/oauth/start"}})
def a_page_behind_a_fragment(story: Story) -> None:
    parts = urlsplit(story.consent_url)
    page, _, query = parts.fragment.partition("?")
    assert (parts.query, page) == ("", "/oauth/start")
    assert dict(parse_qsl(query))["client_id"] == story.server.client.client_id


def _signed(server: DialectServer, answer: dict[str, str]) -> dict[str, str]:
    """As the service redirects: the code under its own name, what it is good for, and a signature over all of it."""
    said = {"state": answer["state"], "auth_code": answer["code"], "realmId": "4620816365", "granted": "read,write"}
    said["shop"] = "acme"
    message = "&".join(f"{name}={value}" for name, value in sorted(said.items()))
    secret = (server.client.client_secret or "").encode()
    return said | {"hmac": hmac.new(secret, message.encode(), hashlib.sha256).hexdigest()}


@case(
    {
        "oauth2": {
            "callback_code_parameter": "auth_code", "callback_signature_parameter": "hmac",
            "callback_scope_parameter": "granted", "scope_separator": ",",
        },
        "api": {"base_url": "{origin}/api/{shop}/company/{realm}"},
        "account": {"method": "GET", "url": "{origin}/shops/{shop}/{realm}", "label_path": "title"},
        "params": [
            param("realm", "[0-9]{1,20}", "123", "callback", field="realmId"),
            param("shop", "[a-z0-9-]{1,40}", "acme", "user", callback_field="shop"),
        ],
    },
    Dialect(
        says=lambda d: {name: value for name, value in d.items() if name != "scope"},
        pages={"/shops/acme/4620816365": {"title": "Acme’s books"}},
    ),
    params={"shop": "typed-otherwise"}, redirect=_signed,
)  # fmt: skip
def a_redirect_that_says_more(story: Story) -> None:
    assert story.connection.params == {"shop": "acme", "realm": "4620816365"}
    assert story.connection.scopes_granted == ["read", "write"]
    assert story.connection.account_label == "Acme’s books"
    assert story.api_calls[0].path == "/api/acme/company/4620816365/things?page=2"


@case(
    {
        "oauth2": {
            "authorization_url": "{tenant_origin}/{tenant}/authorize", "token_url": "{tenant_origin}/token",
        },
        "api": {"base_url": "{tenant_origin}/api/{tenant}"},
        "params": [
            param("tenant", "[a-z0-9.-]{1,60}", "contoso.example", "user"),
            param("tenant_origin", r"http://localhost:[0-9]{1,5}", "http://localhost:8100", "client"),
        ],
    },
    params={"tenant": "contoso.example"},
)  # fmt: skip
def a_tenant_in_every_address(story: Story) -> None:
    assert urlsplit(story.consent_url).path == "/contoso.example/authorize"
    host = urlsplit(story.server.elsewhere).netloc
    assert {request.headers["Host"] for request in story.server.received} == {host}
    assert story.api_calls[0].path == "/api/contoso.example/things?page=2"
