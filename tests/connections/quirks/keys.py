"""Services that take a key, a password or a client of one's own: where each value goes, and how it is checked."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.oauth.provider import ClientCredentials
from tests.authserver.dialect import Dialect, fields_in
from tests.connections.quirks.files import COMMON, ORIGIN, merged, param
from tests.servers import Received

HERE = param("origin", ORIGIN, "http://127.0.0.1:8100", "user")
KEY: dict[str, Any] = {"name": "api_key", "label": "API key"}
ACCOUNT: dict[str, Any] = {"name": "account", "label": "Account", "secret": False, "pattern": "[a-z]{2,9}"}
ID, SECRET = {"name": "client_id", "label": "Client ID", "secret": False}, {"name": "client_secret", "label": "Secret"}
ME = {"url": "{origin}/me", "subject_path": "id", "label_paths": ["nick", "name"]}


@dataclass(frozen=True)
class KeyCase:
    """A service: its file, what is entered, and what each request to it must hold."""

    name: str
    kind: str
    file: Mapping[str, Any]
    fields: Mapping[str, str] = field(repr=False)
    check: Callable[[Received], None]
    params: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def slug(self) -> str:
        return self.name.replace("_", "-")

    @property
    def document(self) -> dict[str, Any]:
        whole = merged(COMMON, {"name": self.slug.title(), "kind": self.kind, **self.file})
        return whole | {"params": [HERE, *self.file.get("params", [])]}


KEY_CASES: dict[str, KeyCase] = {}
CLIENT = ClientCredentials("own-client", "own-secret")


def keyed(kind: str, file: Mapping[str, Any], fields: Mapping[str, str], **more: Any) -> Any:
    """Registers the check below it: it gets every request that the key opened."""

    def registered(check: Callable[[Received], None]) -> Callable[[Received], None]:
        KEY_CASES[check.__name__] = KeyCase(check.__name__, kind, file, fields, check, **more)
        return check

    return registered


@keyed(
    "api_key",
    {
        "api": {"headers": {"X-Version": "7", "X-In": "{area}"}, "query": {"site": "{area}"}},
        "api_key": {"headers": {"X-Api-Key": "{api_key}"}},
        "fields": [KEY],
        "params": [param("area", "[a-z]{2,9}", "north", "user")],
        "verification": ME,
    },
    {"api_key": "k-1"}, params={"area": "north"},
)  # fmt: skip
def a_key_in_a_header(request: Received) -> None:
    assert request.headers["X-Api-Key"] == "k-1"
    assert (request.headers["X-Version"], request.headers["X-In"]) == ("7", "north")
    assert fields_in(request, "query")["site"] == "north"
    assert "Authorization" not in request.headers


@keyed("api_key", {"api_key": {"query": {"key": "{api_key}"}}, "fields": [KEY], "verification": ME}, {"api_key": "k 2"})
def a_key_in_the_query(request: Received) -> None:
    assert fields_in(request, "query")["key"] == "k 2"
    assert "k 2" not in str(request.headers)


@keyed("api_key", {"api_key": {"headers": {"Authorization": "Bearer {api_key}"}}, "fields": [KEY],
                   "verification": ME}, {"api_key": "k-3"})  # fmt: skip
def a_key_as_bearer(request: Received) -> None:
    assert request.headers["Authorization"] == "Bearer k-3"


@keyed("api_key", {"api_key": {"headers": {"Authorization": "Token token={api_key}"}}, "fields": [KEY],
                   "verification": ME}, {"api_key": "k-4"})  # fmt: skip
def a_key_with_a_prefix(request: Received) -> None:
    assert request.headers["Authorization"] == "Token token=k-4"


@keyed("api_key", {"api_key": {"path": "/bot{api_key}"}, "fields": [KEY | {"pattern": "[a-z0-9-]{2,9}"}]},
       {"api_key": "k-5"})  # fmt: skip
def a_key_in_the_path(request: Received) -> None:
    assert request.path.startswith("/botk-5/api/things")


@keyed(
    "api_key",
    {
        "api_key": {"headers": {"X-Key": "{api_key}", "X-Account": "{account}"}, "query": {"app": "{app_key}"}},
        "fields": [ACCOUNT, KEY, {"name": "app_key", "label": "Application key"}],
        "verification": ME | {
            "url": "{origin}/me/{account}", "method": "POST", "body": '{"query": "me"}',
            "headers": {"Content-Type": "application/json", "X-Place": "{area}"},
            "success_check": {"path": "ok", "equals": True},
        },
        "params": [param("area", "[a-z]{2,9}", "north", "user", default="north")],
    },
    {"account": "acme", "api_key": "k-6", "app_key": "a-6"},
)  # fmt: skip
def several_named_fields(request: Received) -> None:
    assert (request.headers["X-Key"], request.headers["X-Account"]) == ("k-6", "acme")
    assert fields_in(request, "query")["app"] == "a-6"
    if request.path.startswith("/me"):
        assert (request.method, json.loads(request.body)) == ("POST", {"query": "me"})
        assert request.path.startswith("/me/acme?")
        assert request.headers["X-Place"] == "north"


@keyed(
    "api_key",
    {
        "api_key": {"headers": {"X-Key": "{api_key}"}}, "fields": [KEY],
        "verification": ME | {"url": "{origin}/limited", "limited_statuses": [401],
                              "limited_check": {"path": "error", "equals": "invalid_token"}},
    },
    {"api_key": "k-7"},
)  # fmt: skip
def a_key_that_may_not_ask_who_it_is(request: Received) -> None:
    assert request.headers["X-Key"] == "k-7"


def _pair(request: Received) -> str:
    return base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()


@keyed("basic", {"basic": {"username": "{account}/token", "password": "{api_key}"}, "fields": [ACCOUNT, KEY],
                 "api": {"headers": {"X-Version": "1"}, "query": {"v": "2"}}, "verification": ME},
       {"account": "acme", "api_key": "p:w ü"})  # fmt: skip
def a_name_and_a_password(request: Received) -> None:
    assert _pair(request) == "acme/token:p:w ü"
    assert (request.headers["X-Version"], fields_in(request, "query")["v"]) == ("1", "2")


@keyed("basic", {"basic": {"username": "{api_key}"}, "fields": [KEY], "verification": ME}, {"api_key": "k-8"})
def a_key_as_user_name(request: Received) -> None:
    assert _pair(request) == "k-8:"


_MACHINE = {"client_id": CLIENT.client_id, "client_secret": CLIENT.client_secret or ""}
_SCOPES = [{"name": name, "description": name, "access": "read", "default": True} for name in ("read", "list")]


@keyed(
    "oauth2_client_credentials",
    {
        "client_credentials": {
            "token_url": "{origin}/token", "token_endpoint_auth_method": "client_secret_basic",
            "grant_type": "account_credentials", "token_params": {"account_id": "{area}"}, "scope_separator": ",",
            "default_expires_in": 900,
        },
        "fields": [ID, SECRET], "scopes": _SCOPES, "verification": ME,
        "params": [param("area", "[a-z]{2,9}", "north", "user")],
        "api": {"headers": {"X-Client": "{client_id}"}, "query": {"site": "{area}"}},
        "revocation": {"url": "{origin}/revoke", "tokens": ["access_token"]},
    },
    _MACHINE, params={"area": "north"},
    dialect=Dialect(
        grants={"client_credentials": "account_credentials"},
        says=lambda d: {name: value for name, value in d.items() if name != "expires_in"},
    ),
)  # fmt: skip
def a_client_of_ones_own(request: Received) -> None:
    if request.path == "/token":
        form = request.form
        assert (form["account_id"], form["scope"]) == ("north", "read,list")
    else:
        assert request.headers["X-Client"] == CLIENT.client_id
        assert fields_in(request, "query")["site"] == "north"


@keyed(
    "oauth2_client_credentials",
    {
        "client_credentials": {
            "token_url": "{origin}/token", "token_endpoint_auth_method": "client_secret_post",
            "token_request_encoding": "json",
        },
        "fields": [ID, SECRET],
        "api": {"access_token_parameter": "token"},
    },
    _MACHINE, dialect=Dialect(reads="json", client="post"),
)  # fmt: skip
def a_client_that_speaks_json(request: Received) -> None:
    if request.path == "/token":
        assert fields_in(request, "json") == {"grant_type": "client_credentials", **_MACHINE}
    else:
        assert fields_in(request, "query")["token"]
        assert "Authorization" not in request.headers


@keyed("none", {"api": {"headers": {"X-Version": "7"}}}, {})
def no_credentials_at_all(request: Received) -> None:
    assert request.headers["X-Version"] == "7"
    assert "Authorization" not in request.headers
