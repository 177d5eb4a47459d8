"""What is wrong with what a team entered about its own API: a sentence for each field. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from apps.integrations.catalog import overrides
from apps.integrations.catalog.placeholders import PLACEHOLDER
from apps.integrations.custom_apis.params import param_problems
from apps.integrations.custom_apis.schema import (
    ADDRESSES,
    AUTH_METHODS,
    AUTH_TYPES,
    KEY_LOCATIONS,
    SECRET_ADDRESSES,
    Authentication,
    CustomScope,
)
from apps.oauth.authorization import check_endpoint
from apps.oauth.errors import EndpointRefused, ReservedParameter

MAX_SCOPES = 1_000
LONGEST_URL = 2_000
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110 5.6.2
_QUERY_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,100}")
_PATH = re.compile(r"[A-Za-z0-9_.\-\[\]| ]{1,200}")
# What the request itself is made of, or what would be read by somebody on the way.
_HEADERS_OF_OURS = frozenset(
    [
        "host",
        "cookie",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "accept-encoding",
        "forwarded",
        "via",
        "user-agent",
    ]
)

Problems = list[tuple[str, str]]


def base_problems(*, name: str, description: str, base_url: str, params: Sequence[Mapping[str, Any]]) -> Problems:
    """About what an API has whatever its authentication is."""
    wrong: Problems = []
    if not name.strip() or len(name) > 100 or not name.isprintable():
        wrong.append(("name", "Enter a name of one line, at most 100 characters."))
    if len(description) > 60 or not description.isprintable():
        wrong.append(("description", "Enter one line of at most 60 characters."))
    if sentence := address_problem(base_url, params):
        wrong.append(("base_url", sentence))
    elif "?" in base_url:
        wrong.append(("base_url", "A base URL has no query (?): requests add their own."))
    return wrong + param_problems(params)


def authentication_problems(authentication: Authentication, *, params: Sequence[Mapping[str, Any]]) -> Problems:
    """About the fields of the Authentication tab. What is merely missing is none: see `custom_schema.missing`."""
    wrong = [*_choices(authentication), *_key(authentication), *_endpoints(authentication, params)]
    wrong += [("scopes", sentence) for sentence in _scopes(authentication.scopes, authentication.scope_separator)]
    extra = {name: getattr(authentication, name) for name in ("authorization_params", "token_params")}
    wrong += overrides.problems(extra)
    for name in ("audience", "resource"):
        value = getattr(authentication, name)
        if len(value) > 500 or not value.isprintable():
            wrong.append((name, "Enter one line of at most 500 characters."))
    for name in ("account_subject_path", "account_label_path"):
        value = getattr(authentication, name)
        if value and not _PATH.fullmatch(value):
            wrong.append((name, "Enter a path such as data.user.id, with [0] for items of a list."))
    return wrong


def _choices(authentication: Authentication) -> Iterator[tuple[str, str]]:
    allowed = {
        "type": AUTH_TYPES,
        "key_location": KEY_LOCATIONS,
        "token_endpoint_auth_method": AUTH_METHODS,
    }
    for name, choices in allowed.items():
        if getattr(authentication, name) not in choices:
            yield name, f"Choose one of {', '.join(choices)}."
    if authentication.scope_separator not in (" ", ",", ";", "+", "|"):
        yield "scope_separator", "Choose a blank, a comma, a semicolon, a plus or a bar."
    if authentication.type == "oauth2_client_credentials" and authentication.token_endpoint_auth_method == "none":
        yield (
            "token_endpoint_auth_method",
            "Client credentials need a client secret: send it in the header or the body.",
        )


def _key(authentication: Authentication) -> Iterator[tuple[str, str]]:
    name, prefix = authentication.key_name, authentication.key_prefix
    in_query = authentication.key_location == "query"
    if name and not (_QUERY_NAME if in_query else _HEADER).fullmatch(name):
        yield "key_name", "Enter a name such as X-API-Key, without blanks and colons."
    elif name.lower() in _HEADERS_OF_OURS and not in_query:
        yield "key_name", f"{name} belongs to the request itself. Enter the header that carries the key."
    if not re.fullmatch(r"[A-Za-z0-9._=-]{0,40}", prefix):
        yield "key_prefix", "Enter a word such as Bearer or Token; the key follows after a blank."


def _endpoints(authentication: Authentication, params: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for name in ADDRESSES:
        url = getattr(authentication, name)
        if not url:
            continue
        sentence = address_problem(url, params)
        if not sentence and name == "issuer" and "?" in url:
            sentence = "An issuer has no query (?)."
        if sentence:
            yield name, sentence


def address_problem(url: str, params: Sequence[Mapping[str, Any]] = ()) -> str:
    """Why this cannot be an address that we send anything to, as a sentence; "" if it can. Placeholders of `params`
    stand for their examples."""
    if not url:
        return "Enter an address such as https://api.example.com."
    if len(url) > LONGEST_URL:
        return f"An address has at most {LONGEST_URL} characters."
    examples = {str(param.get("name")): str(param.get("default") or param.get("example") or "x") for param in params}
    unknown = [name for name in PLACEHOLDER.findall(url) if name not in examples]
    if unknown:
        return f"{{{unknown[0]}}} is not one of this API’s parameters."
    empty = [str(param.get("name")) for param in params if param.get("optional") and not param.get("default")]
    if open_ended := [name for name in PLACEHOLDER.findall(url) if name in empty]:
        return f"{{{open_ended[0]}}} may be left empty, so it cannot stand in an address."
    filled = PLACEHOLDER.sub(lambda found: examples[found[1]], url)
    if re.search(r"[{}]", filled):
        return "An address holds braces only around the name of a parameter."
    try:
        check_endpoint(filled)
    except EndpointRefused as error:
        return error.reason
    except ReservedParameter:
        return "The address carries a parameter that the protocol itself sets, such as state or client_id."
    return "" if urlsplit(filled).netloc.isascii() else "Write the host in its xn-- form."


def _scopes(scopes: Iterable[CustomScope], separator: str) -> Iterator[str]:
    listed = list(scopes)
    if len(listed) > MAX_SCOPES:
        yield f"Enter at most {MAX_SCOPES} permissions."
        return
    names = [scope.name for scope in listed]
    for start in range(0, len(names), overrides.MOST):
        if sentence := overrides.scope_problem(names[start : start + overrides.MOST]):
            yield sentence
            return
    if len(set(names)) != len(names):
        yield "Each permission is listed once."
    if any(separator in name for name in names):
        yield f"A permission’s name cannot hold the separator “{separator}”."
    if any(len(scope.description) > 500 or not scope.description.isprintable() for scope in listed):
        yield "A permission’s words are one line of at most 500 characters."


def client_problems(
    before: Authentication,
    after: Authentication,
    *,
    has_secret: bool,
    client_id: str | None,
    client_secret: str | None,
) -> list[tuple[str, str]]:
    """A stored client secret does not follow an address that somebody changed (oauth.md section 1)."""
    if after.type != "oauth2":
        return []
    wrong = []
    if client_id is not None and (len(client_id) > 500 or not client_id.isprintable() or not client_id.isascii()):
        wrong.append(("client_id", "Enter the client ID: one line of at most 500 characters."))
    if client_secret is not None and (len(client_secret) > 5_000 or not client_secret.isascii()):
        wrong.append(("client_secret", "The client secret holds characters that cannot be sent. Copy it again."))
    moved = [name for name in SECRET_ADDRESSES if getattr(before, name) != getattr(after, name)]
    if has_secret and moved and client_secret is None and after.token_endpoint_auth_method != "none":
        wrong.append(
            ("client_secret", "Enter the client secret again: the stored one does not follow changed addresses.")
        )
    needs_one = after.token_endpoint_auth_method != "none" and not has_secret and not client_secret
    if client_id and needs_one:
        wrong.append(("client_secret", "Enter the client secret, or choose a public client, which has none."))
    return wrong
