"""Validation of the settings of a custom API: a message for each field. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext

from apps.integrations.catalog import overrides
from apps.integrations.catalog.placeholders import PLACEHOLDER
from apps.integrations.custom_apis.params import param_problems
from apps.integrations.custom_apis.response_validation import NO_PATH, response_problems
from apps.integrations.custom_apis.schema import (
    AUTH_METHODS,
    AUTH_TYPES,
    KEY_LOCATIONS,
    SECRET_URLS,
    URLS,
    WITH_CLIENT,
    WITH_TOKEN,
    Authentication,
    CustomScope,
)
from apps.oauth.authorization import check_endpoint
from apps.oauth.errors import EndpointRefused, ReservedParameter
from apps.oauth.paths import is_path

MAX_SCOPES = 1_000
MAX_FURTHER_KEYS = 5
MAX_HOSTS = 10
LONGEST_URL = 2_000
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110 5.6.2
_QUERY_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,100}")
_HOST_NAME = re.compile(r"[a-z0-9]{1,40}(-[a-z0-9]{1,40})*")
# Headers of the request itself, or read by intermediaries.
_RESERVED_HEADERS = frozenset(
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

Params = Sequence[Mapping[str, Any]]
Problems = list[tuple[str, str]]


def base_problems(*, name: str, description: str, base_url: str, params: Params, hosts: Params = ()) -> Problems:
    """Problems of name, description, base URL, parameters and further hosts."""
    errors: Problems = []
    if not name.strip() or len(name) > 100 or not name.isprintable():
        errors.append(("name", gettext("Enter a name of one line, at most 100 characters.")))
    if len(description) > 60 or not description.isprintable():
        errors.append(("description", gettext("Enter one line of at most 60 characters.")))
    if message := url_problem(base_url, params):
        errors.append(("base_url", message))
    elif "?" in base_url:
        errors.append(("base_url", gettext("A base URL cannot have a query (?): requests add their own.")))
    return errors + param_problems(params) + [*_hosts(hosts, params)]


def _hosts(hosts: Params, params: Params) -> Iterator[tuple[str, str]]:
    if len(hosts) > MAX_HOSTS:
        yield "hosts", gettext("Enter at most %(max_hosts)s further hosts.") % {"max_hosts": MAX_HOSTS}
    names = [str(host.get("name", "")) for host in hosts]
    if len(set(names)) != len(names):
        yield "hosts", gettext("Each host needs a name of its own.")
    for name, host in zip(names, hosts, strict=True):
        url, label = str(host.get("base_url", "")), str(host.get("label", ""))
        if not _HOST_NAME.fullmatch(name):
            yield (
                "hosts",
                gettext("“%(name)s” cannot be the name of a host. Enter one such as uploads.") % {"name": name[:40]},
            )
        elif message := url_problem(url, params) or (
            gettext("A base URL cannot have a query (?).") if "?" in url else ""
        ):
            yield "hosts", f"{name}: {message}"
        elif len(label) > 60 or not label.isprintable():
            yield "hosts", gettext("%(name)s: Enter a description of one line, at most 60 characters.") % {"name": name}


def authentication_problems(authentication: Authentication, *, params: Sequence[Mapping[str, Any]]) -> Problems:
    """Problems of the Authentication tab. Missing fields are not problems: see `schema.missing`."""
    errors = [*_choices(authentication), *_key(authentication), *_further_keys(authentication)]
    errors += response_problems(authentication)
    errors += [*_endpoints(authentication, params)]
    errors += [("scopes", message) for message in _scopes(authentication.scopes, authentication.scope_separator)]
    extra = {name: getattr(authentication, name) for name in ("authorization_params", "token_params")}
    errors += overrides.problems(extra)
    for name in ("audience", "resource"):
        value = getattr(authentication, name)
        if len(value) > 500 or not value.isprintable():
            errors.append((name, gettext("Enter one line of at most 500 characters.")))
    for name in ("account_subject_path", "account_label_path"):
        value = getattr(authentication, name)
        if value and not is_path(value):
            errors.append((name, str(NO_PATH)))
    return errors


def _choices(authentication: Authentication) -> Iterator[tuple[str, str]]:
    allowed = {
        "type": AUTH_TYPES,
        "key_location": KEY_LOCATIONS,
        "token_endpoint_auth_method": AUTH_METHODS,
    }
    for name, choices in allowed.items():
        if getattr(authentication, name) not in choices:
            yield name, gettext("Choose one of %(names)s.") % {"names": ", ".join(choices)}
    if authentication.scope_separator not in (" ", ",", ";", "+", "|"):
        yield "scope_separator", gettext("Choose a space, a comma, a semicolon, a plus or a vertical bar.")
    if authentication.type == "oauth2_client_credentials" and authentication.token_endpoint_auth_method == "none":
        yield (
            "token_endpoint_auth_method",
            gettext("Client credentials need a client secret, sent in the header or the body."),
        )


def _key(authentication: Authentication) -> Iterator[tuple[str, str]]:
    name, prefix = authentication.key_name, authentication.key_prefix
    in_query = authentication.key_location == "query"
    if name and not (_QUERY_NAME if in_query else _HEADER).fullmatch(name):
        yield "key_name", gettext("Enter a name such as X-API-Key, without spaces and colons.")
    elif name.lower() in _RESERVED_HEADERS and not in_query:
        yield (
            "key_name",
            gettext("%(name)s is set by the request itself. Enter the header that carries the key.") % {"name": name},
        )
    if len(prefix) > 40 or not re.fullmatch(r"([A-Za-z0-9._=-]+( [A-Za-z0-9._=-]+)?)?", prefix):
        yield "key_prefix", gettext("Enter a prefix such as Bearer or Token; the key follows after a space.")


def _further_keys(authentication: Authentication) -> Iterator[tuple[str, str]]:
    keys = authentication.further_keys
    if len(keys) > MAX_FURTHER_KEYS:
        yield (
            "further_keys",
            gettext("Enter at most %(max_further_keys)s further keys.") % {"max_further_keys": MAX_FURTHER_KEYS},
        )
    names = [(key.location, key.name.lower()) for key in keys]
    first = "query" if authentication.key_location == "query" else "header"
    taken = {(first, (authentication.key_name or "Authorization").lower())}
    if authentication.type != "api_key":
        taken = {("header", "authorization")}
    if authentication.type in WITH_TOKEN and len(keys) > 1:
        yield "further_keys", gettext("With an access token, one further key can be sent.")
    if len(set(names)) != len(names) or taken & set(names):
        yield "further_keys", gettext("Each key needs a header or parameter of its own.")
    for key in keys:
        in_query = key.location == "query"
        is_reserved = key.name.lower() in _RESERVED_HEADERS and not in_query
        if is_reserved or not (_QUERY_NAME if in_query else _HEADER).fullmatch(key.name):
            yield (
                "further_keys",
                gettext("“%(name)s” cannot be the name of a key. Enter a name such as X-App-Id.")
                % {"name": key.name[:40]},
            )


def _endpoints(authentication: Authentication, params: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for name in URLS:
        url = getattr(authentication, name)
        if not url:
            continue
        message = url_problem(url, params)
        if not message and name == "issuer" and "?" in url:
            message = gettext("An issuer cannot have a query (?).")
        if message:
            yield name, message


def url_problem(url: str, params: Sequence[Mapping[str, Any]] = ()) -> str:
    """Why requests cannot be sent to this URL, as a message; "" if they can. Placeholders of `params` are replaced by
    their examples."""
    if not url:
        return gettext("Enter a URL such as https://api.example.com.")
    if len(url) > LONGEST_URL:
        return gettext("A URL can have at most %(longest_url)s characters.") % {"longest_url": LONGEST_URL}
    return _placeholder_problem(url, params) or _endpoint_problem(_with_examples(url, params))


def _placeholder_problem(url: str, params: Sequence[Mapping[str, Any]]) -> str:
    names = PLACEHOLDER.findall(url)
    declared = {str(param.get("name")) for param in params}
    if unknown := [name for name in names if name not in declared]:
        return gettext("{%(unknown)s} is not a parameter of this API.") % {"unknown": unknown[0]}
    optional = {str(param.get("name")) for param in params if param.get("optional") and not param.get("default")}
    if without_value := [name for name in names if name in optional]:
        return gettext("{%(without_value)s} is optional without a default, so it cannot be part of a URL.") % {
            "without_value": without_value[0]
        }
    if re.search(r"[{}]", PLACEHOLDER.sub("", url)):
        return gettext("Braces are only allowed around the name of a parameter.")
    return ""


def _with_examples(url: str, params: Sequence[Mapping[str, Any]]) -> str:
    examples = {str(param.get("name")): str(param.get("default") or param.get("example") or "x") for param in params}
    return PLACEHOLDER.sub(lambda match: examples[match[1]], url)


def _endpoint_problem(url: str) -> str:
    if re.search(r"[{}]", url):
        return gettext("Braces are only allowed around the name of a parameter.")
    try:
        check_endpoint(url)
    except EndpointRefused as error:
        return error.reason
    except ReservedParameter:
        return gettext("The URL contains a parameter that the protocol sets, such as state or client_id.")
    return "" if urlsplit(url).netloc.isascii() else gettext("Enter the host in its xn-- form.")


def _scopes(scopes: Iterable[CustomScope], separator: str) -> Iterator[str]:
    listed = list(scopes)
    if len(listed) > MAX_SCOPES:
        yield gettext("Enter at most %(max_scopes)s permissions.") % {"max_scopes": MAX_SCOPES}
        return
    names = [scope.name for scope in listed]
    for start in range(0, len(names), overrides.MOST):
        if message := overrides.scope_problem(names[start : start + overrides.MOST]):
            yield message
            return
    if len(set(names)) != len(names):
        yield gettext("A permission is listed twice.")
    if any(separator in name for name in names):
        yield gettext("A permission’s name cannot contain the separator “%(separator)s”.") % {"separator": separator}
    if any(len(scope.description) > 500 or not scope.description.isprintable() for scope in listed):
        yield gettext("A permission’s description must be one line of at most 500 characters.")


def client_problems(
    before: Authentication,
    after: Authentication,
    *,
    has_secret: bool,
    client_id: str | None,
    client_secret: str | None,
    further_key: str | None = None,
) -> Problems:
    """What is wrong with a client ID, secret and further key; a stored secret is not sent to a changed URL (oauth.md
    section 1).

    None keeps the stored value; `has_secret` says whether a secret is stored.
    """
    if after.type not in WITH_CLIENT:
        return []
    errors = [*_client_format(client_id, client_secret), *_key_format(further_key)]
    if after.type == "oauth2" and after.token_endpoint_auth_method == "none":
        return errors
    changed = [name for name in SECRET_URLS if getattr(before, name) != getattr(after, name)]
    if has_secret and changed and client_secret is None:
        message = gettext("Enter the client secret again: the stored one is not sent to a changed URL.")
        errors.append(("client_secret", message))
    if client_id and not has_secret and not client_secret:
        errors.append(("client_secret", gettext("Enter the client secret, or choose a public client, which has none.")))
    return errors


def _client_format(client_id: str | None, client_secret: str | None) -> Iterator[tuple[str, str]]:
    if client_id is not None and (len(client_id) > 500 or not client_id.isprintable() or not client_id.isascii()):
        yield "client_id", gettext("Enter the client ID: one line of at most 500 characters.")
    if client_secret is not None and (len(client_secret) > 5_000 or not client_secret.isascii()):
        yield "client_secret", gettext("The client secret contains characters that cannot be sent. Copy it again.")


def _key_format(key: str | None) -> Iterator[tuple[str, str]]:
    if key is not None and (len(key) > 5_000 or not key.isascii() or not key.isprintable() or key != key.strip()):
        yield "further_key", gettext("The key contains characters that cannot be sent. Copy it again.")
