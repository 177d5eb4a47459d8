"""Scopes: how those of a response are split, and by which rules they are compared."""

from dataclasses import replace

import pytest

from apps.oauth.provider import ProviderConfig
from apps.oauth.scopes import missing, scopes_in, scopes_of

PROVIDER = ProviderConfig(
    slug="example",
    name="Example",
    authorization_url="https://service.test/authorize",
    token_url="https://service.test/token",
)


@pytest.mark.parametrize(
    ("requested_with", "response_separator", "value", "scopes"),
    [
        (" ", None, "read,write", {"read", "write"}),
        (",", None, "boards:read pins:read", {"boards:read", "pins:read"}),
        (" ", None, "a b\tc\nd,e, f ,,g", set("abcdefg")),
        ("+", None, "a+b", {"a", "b"}),
        ("; ", None, "a; b;c", {"a", "b", "c"}),
        (" ", ",", "read all,write all", {"read all", "write all"}),
        (" ", " ", "a,b c", {"a,b", "c"}),
        (" ", "|", "a|b c", {"a", "b c"}),
        (" ", None, ["a", " b ", ""], {"a", "b"}),
        (" ", None, "", set()),
    ],
)
def test_scopes_are_split_as_the_data_says_else_at_white_space_and_commas(
    requested_with: str, response_separator: str | None, value: object, scopes: set[str]
) -> None:
    provider = replace(PROVIDER, scope_separator=requested_with, scope_response_separator=response_separator)
    assert scopes_of(value, provider, []) == scopes
    if isinstance(value, str):
        assert scopes_in(value, provider) == scopes


GRAPH = "https://graph.service.test/"


@pytest.mark.parametrize(
    ("facts", "wanted", "granted", "expected"),
    [
        ({}, ["User.Read"], ["user.read"], ["User.Read"]),
        ({"scopes_are_case_sensitive": False}, ["User.Read"], ["user.read"], []),
        ({}, [f"{GRAPH}User.Read"], ["User.Read"], [f"{GRAPH}User.Read"]),
        ({"scope_prefixes": (GRAPH,)}, [f"{GRAPH}User.Read"], ["User.Read"], []),
        ({"scope_prefixes": (GRAPH,)}, ["User.Read"], [f"{GRAPH}User.Read"], []),
        ({"scope_prefixes": (GRAPH,), "scopes_are_case_sensitive": False}, [f"{GRAPH}User.Read"], ["user.READ"], []),
        ({"scope_aliases": {"email": "auth/email"}}, ["email"], ["auth/email"], []),
        ({"scope_aliases": {"email": "auth/email"}}, ["auth/email"], ["email"], []),
        ({"scope_aliases": {"Email": "Auth"}, "scopes_are_case_sensitive": False}, ["EMAIL"], ["auth"], []),
        ({"scope_included_in": {"read": frozenset({"all"})}}, ["read"], ["all"], []),
        ({"scope_included_in": {"read": frozenset({"all"})}}, ["all"], ["read"], ["all"]),
        (
            {"scope_included_in": {"Read": frozenset({"All"})}, "scopes_are_case_sensitive": False},
            ["Read"],
            ["all"],
            [],
        ),
        ({"ignored_scopes": frozenset({"offline_access"})}, ["offline_access", "b", "a"], [], ["a", "b"]),
    ],
)
def test_scopes_are_compared_by_the_providers_rules(
    facts: dict[str, object], wanted: list[str], granted: list[str], expected: list[str]
) -> None:
    provider = replace(PROVIDER, **facts)  # type: ignore[arg-type]
    assert missing(wanted=wanted, granted=granted, provider=provider) == expected
