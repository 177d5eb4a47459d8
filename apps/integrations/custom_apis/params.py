"""What each connection to a team's own API is asked for: the values that stand as `{name}` in its addresses. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.integrations.catalog.placeholders import BUILT_IN, PLACEHOLDER
from apps.integrations.custom_apis.schema import ADDRESSES, Authentication

Params = Sequence[Mapping[str, Any]]
Problems = list[tuple[str, str]]

MOST = 20
LONGEST = {"label": 100, "pattern": 300, "example": 200, "default": 200, "hint": 300}
# Fields of the ways to sign in, and what the protocol itself fills in.
RESERVED = BUILT_IN | {"key", "username", "password"}
# Letters, digits and hyphens inside: a part of a host, or of a path.
PLAIN = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_WORDS = {
    "base_url": "the base URL",
    "authorization_url": "the authorization URL",
    "token_url": "the token URL",
    "refresh_url": "the refresh URL",
    "revocation_url": "the revocation URL",
    "account_url": "the account endpoint",
    "issuer": "the issuer",
    "authorization_params": "the extra parameters of the authorization request",
    "token_params": "the extra parameters of token requests",
    "audience": "the audience",
    "resource": "the resource",
    "scopes": "the scopes",
}


def param_problems(params: Params) -> Problems:
    """What is wrong with each by itself, as (`params.0.label`, sentence). Patterns are the strict reader's to judge."""
    if len(params) > MOST:
        return [("params", f"An API has at most {MOST} parameters.")]
    wrong: Problems = []
    names = [str(param.get("name", "")) for param in params]
    for number, param in enumerate(params):
        at = f"params.{number}"
        if sentence := _name_problem(names[number], names[:number]):
            wrong.append((f"{at}.name", sentence))
        for name, longest in LONGEST.items():
            text = str(param.get(name) or "")
            if len(text) > longest or not text.isprintable():
                wrong.append((f"{at}.{name}", f"Enter one line of at most {longest} characters."))
        if not str(param.get("label") or "").strip():
            wrong.append((f"{at}.label", "Enter what people read above the field, such as Region."))
    return wrong


def _name_problem(name: str, before: Sequence[str]) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]{0,59}", name):
        return "Enter a name such as region: small letters, digits and underscores, a letter first."
    if name in RESERVED:
        return f"{name} has a meaning of its own here. Choose another name."
    return "Another parameter has this name." if name in before else ""


def needed_problems(params: Params, *, before: Params, base_url: str, authentication: Authentication) -> Problems:
    """What stands somewhere else and keeps `params` from taking the place of `before`. Without `base_url`, only the
    authentication is looked at."""
    wrong: Problems = []
    names = {str(param["name"]) for param in params}
    for gone in [str(param["name"]) for param in before if param["name"] not in names]:
        if places := uses_of(gone, base_url=base_url, authentication=authentication):
            wrong.append(("params", f"{{{gone}}} is used in {_listed(places)}. Take it out there first."))
    for number, param in enumerate(params):
        if param.get("optional") and not param.get("default"):
            texts = [base_url, *(getattr(authentication, address) for address in ADDRESSES)]
            if any(param["name"] in PLACEHOLDER.findall(text) for text in texts):
                sentence = "It stands in an address, so it is required, or has a default value."
                wrong.append((f"params.{number}.optional", sentence))
    return wrong


def uses_of(name: str, *, base_url: str, authentication: Authentication) -> list[str]:
    """Where `{name}` stands, in words, each place once."""
    found = [_WORDS[field] for field, text in _texts(base_url, authentication) if name in PLACEHOLDER.findall(text)]
    return list(dict.fromkeys(found))


def _texts(base_url: str, authentication: Authentication) -> Iterator[tuple[str, str]]:
    yield "base_url", base_url
    for field in (*ADDRESSES, "audience", "resource"):
        yield field, getattr(authentication, field)
    for field in ("authorization_params", "token_params"):
        for text in getattr(authentication, field).values():
            yield field, text
    for scope in authentication.scopes:
        yield "scopes", scope.name


def _listed(places: Sequence[str]) -> str:
    return places[0] if len(places) == 1 else f"{', '.join(places[:-1])} and {places[-1]}"


def moved(params: Params, name: str, step: int) -> list[dict[str, Any]]:
    """The parameters with this one `step` places further on (or before), as far as there are places."""
    listed = [dict(param) for param in params]
    here = [param["name"] for param in listed].index(name)
    there = min(max(here + step, 0), len(listed) - 1)
    listed.insert(there, listed.pop(here))
    return listed
