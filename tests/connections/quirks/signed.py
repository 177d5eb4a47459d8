"""Services with OAuth 1.0a, and what each asks for in a way of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.connections.quirks.files import COMMON, HERE, merged, param
from tests.oauth1server import OAuth1Server

_ADDRESSES = {
    "request_token_url": "{origin}/request",
    "authorization_url": "{origin}/authorize?lang=en",
    "access_token_url": "{origin}/access",
}
_SCOPES = [
    {"name": "look", "description": "Look", "access": "read", "default": True},
    {"name": "touch", "description": "Touch", "access": "write"},
]


@dataclass(frozen=True)
class SignedCase:
    """A service: its file, and what its notes and its consent page's address must hold."""

    name: str
    file: Mapping[str, Any]
    check: Callable[[OAuth1Server, dict[str, list[str]], dict[str, Any]], None]
    answer: Mapping[str, str] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return self.name.replace("_", "-")

    @property
    def document(self) -> dict[str, Any]:
        base = COMMON | {"kind": "oauth1", "oauth1": _ADDRESSES, "scopes": _SCOPES}
        whole = merged(base, {"name": self.slug.title(), **self.file})
        return whole | {"params": [HERE, *self.file.get("params", [])]}


SIGNED_CASES: dict[str, SignedCase] = {}


def signed(file: Mapping[str, Any], **more: Any) -> Any:
    """Registers the check below it: it gets the server, the consent page's query and what was kept of the answer."""

    def registered(check: Any) -> Any:
        SIGNED_CASES[check.__name__] = SignedCase(check.__name__, file, check, **more)
        return check

    return registered


@signed(
    {
        "oauth1": {
            "scope_parameter": "scope", "scope_separator": ",", "authorization_params": {"expiration": "never"},
            "request_headers": {"X-Version": "7"}, "keep": ["user_id"],
        },
        "api": {"headers": {"User-Agent": "Specway", "X-In": "{area}"}, "query": {"site": "{area}"}},
        "params": [param("area", "[a-z]{2,9}", "north", "client", default="north")],
        "verification": {"url": "{origin}/me", "subject_path": "id", "label_paths": ["name"]},
    },
    answer={"user_id": "u-7"},
)  # fmt: skip
def permissions_in_one_list(server: OAuth1Server, asked: dict[str, list[str]], kept: dict[str, Any]) -> None:
    assert asked["scope"] == ["look,touch"]
    assert (asked["expiration"], asked["lang"]) == (["never"], ["en"])
    for path, headers in server.headers:
        assert headers["Authorization"].startswith("OAuth ")
        if path in ("/request", "/access"):
            assert headers["X-Version"] == "7"
        else:
            assert (headers["User-Agent"], headers["X-In"]) == ("Specway", "north")
    assert {urlsplit(path).query for path in server.paths if path.startswith(("/me", "/api"))} == {"site=north"}
    assert kept["user_id"] == "u-7"


@signed({"oauth1": {"scope_parameter": "perms", "scope_is_one": True}})
def the_largest_permission_alone(server: OAuth1Server, asked: dict[str, list[str]], kept: dict[str, Any]) -> None:
    assert asked["perms"] == ["touch"]
    assert kept.keys() == {"oauth_token_secret"}
