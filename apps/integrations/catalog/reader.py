"""Reading a provider's facts strictly, from a TOML file or a team's own description: whatever does not fit the schema
is an error that names file and key."""

import re
import tomllib
import types
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from apps.integrations.catalog.key_schema import Field
from apps.integrations.catalog.placeholders import PLACEHOLDER, matches
from apps.integrations.catalog.schema import CatalogEntry, Param

Table = TypeVar("Table")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Values that would turn a placeholder into a way to another host. No pattern may accept one.
_HOSTILE = (
    "evil.example/",
    "evil.example/#",
    "a@evil.example",
    "evil.example?",
    "evil.example\\",
    "a b",
    "a\n",
    "é.com",
)
# Hosts (and the end of one) that a value must never lead to unless an operator chose it.
_ELSEWHERE = ("evil.example", "https://evil.example", "http://evil.example", "https://evil.example:8443", "zip")
_WORDS = {str: "text", int: "a whole number", bool: "true or false"}


class CatalogError(Exception):
    """A provider's file cannot be used; the text names the file and the key."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")
        self.file = file
        self.key = key
        self.problem = problem


class _Wrong(Exception):
    """What is wrong at a key, before the file is known."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key
        self.problem = problem


def read_provider(path: Path) -> CatalogEntry:
    """The entry that the file holds; its name without `.toml` is the slug. Raises CatalogError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(path.name, "", f"not valid TOML ({error})") from error
    try:
        if not _SLUG.fullmatch(path.stem):
            raise _Wrong("", "the file name must be a slug such as google-drive.toml")
        if "slug" in document:
            raise _Wrong("slug", "unknown key; the file name is the slug")
        entry = _table(CatalogEntry, document | {"slug": path.stem}, "")
        _check(entry)
    except _Wrong as wrong:
        raise CatalogError(path.name, wrong.key, wrong.problem) from None
    return entry


def read_definition(document: Mapping[str, Any], *, slug: str) -> CatalogEntry:
    """The entry that a team's own description holds, in the schema of the files. Raises CatalogError.

    Only `facts.checked = "team"` may stand in it: such an entry may have http addresses, of which egress is the judge.
    """
    try:
        entry = _table(CatalogEntry, {**document, "slug": slug}, "")
        if entry.facts.checked != "team":
            raise _Wrong("facts.checked", "must be team")
        _check(entry)
    except _Wrong as wrong:
        raise CatalogError(slug, wrong.key, wrong.problem) from None
    return entry


@cache
def _shape(shape: Any) -> tuple[dict[str, Any], Mapping[str, Parameter]]:
    return get_type_hints(shape), signature(shape).parameters


def _table(shape: type[Table], raw: Any, key: str) -> Table:
    hints, parameters = _shape(shape)  # type: ignore[arg-type] # a class is hashable
    for name in _table_of(raw, key):
        if name not in hints:
            raise _Wrong(_join(key, name), f"unknown key; known are {', '.join(sorted(hints))}")
    values = {}
    for name, parameter in parameters.items():
        if name in raw:
            values[name] = _value(hints[name], raw[name], _join(key, name))
        elif parameter.default is Parameter.empty:
            raise _Wrong(_join(key, name), "is missing")
    return shape(**values)


def _value(kind: Any, raw: Any, key: str) -> Any:
    """`raw` as `kind`: str, bool, int, a Literal, a table of ours, a list, a table of text, or one of several."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        wanted = [argument for argument in arguments if argument is not type(None)]
        return _value(next((a for a in wanted if type(raw) is a), wanted[0]), raw, key)
    if origin is Literal:
        if raw not in arguments:
            raise _Wrong(key, f"must be one of {', '.join(arguments)}")
        return raw
    if origin in (tuple, frozenset):
        if not isinstance(raw, list):
            raise _Wrong(key, "must be a list")
        return origin(_value(arguments[0], item, f"{key}[{number}]") for number, item in enumerate(raw))
    if origin is Mapping:
        return {name: _value(arguments[1], item, _join(key, name)) for name, item in _table_of(raw, key).items()}
    if kind not in _WORDS:  # a dataclass or named tuple
        return _table(kind, raw, key)
    if type(raw) is not kind:  # not isinstance: a TOML boolean is no number
        raise _Wrong(key, f"must be {_WORDS[kind]}")
    return raw


def _table_of(raw: Any, key: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _Wrong(key, "must be a table")
    return raw


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _check(entry: CatalogEntry) -> None:
    """What types alone do not say: addresses, placeholders, names that refer to others."""
    _check_kind(entry)
    for key, url in _urls(entry):
        _check_url(entry, key, url)
    for number, param in enumerate(entry.params):
        _check_param(entry, param, f"params[{number}]")
    _check_texts(entry)
    _check_fields(entry)
    _check_scopes(entry)
    if len(entry.description) > 60:
        raise _Wrong("description", "must be one line of at most 60 characters")
    if entry.facts.checked == "vendor" and not entry.facts.evidence:
        raise _Wrong("facts.evidence", "must name the vendor's pages that confirmed the essentials")
    if entry.oauth2 and entry.oauth2.iss_required and not entry.oauth2.issuer:
        raise _Wrong("oauth2.issuer", "is missing although iss_required is true")


_TABLES_WITH_ADDRESSES = (
    "oauth2",
    "account",
    "placement",
    "revocation",
    "links",
    "client_credentials",
    "oauth1",
    "verification",
)


def _urls(entry: CatalogEntry) -> Iterator[tuple[str, str]]:
    """Every address of the entry, with its key. Empty ones are left out."""
    tables: dict[str, Any] = {name: getattr(entry, name) for name in _TABLES_WITH_ADDRESSES}
    if entry.oauth2:
        tables |= {"oauth2.long_lived": entry.oauth2.long_lived, "oauth2.refresh": entry.oauth2.refresh}
    for name, table in tables.items():
        for key, value in vars(table).items() if table else ():
            if (key == "url" or key.endswith("_url") or key == "issuer") and value:
                yield f"{name}.{key}", value
    yield "api.base_url", entry.api.base_url
    for number, address in enumerate(entry.facts.evidence):
        yield f"facts.evidence[{number}]", address


def _check_url(entry: CatalogEntry, key: str, url: str) -> None:
    allowed = {"client_id"} if key in ("revocation.url", "oauth2.authorization_url") else set()
    if key == "verification.url":  # an account's number may stand in an address, a secret may not
        allowed = {field.name for field in entry.fields if field.pattern and not field.secret}
    _check_placeholders(entry, key, url, allowed)
    if re.match(r"\{[a-z0-9_]+\}(/|$)", url):  # an origin that an operator enters; its pattern says which
        rest = url.partition("}")[2]
    else:
        parts = urlsplit(url)
        schemes = ("https", "http") if entry.facts.checked == "team" else ("https",)
        if parts.scheme not in schemes or not parts.netloc or "@" in parts.netloc:
            raise _Wrong(key, "must be an https address without user name")
        rest = parts.path + parts.query
    fragment_allowed = key.startswith(("links.", "facts."))
    if (not fragment_allowed and "#" in url) or any(character in rest for character in " \\\n\t"):
        raise _Wrong(key, "must be an address without fragment, blanks and backslashes")


_KINDS_WITH_KEY = ("api_key", "basic", "oauth2_client_credentials", "none")
_TABLES_OF_KIND = {
    "oauth2": ("oauth2",),
    "oauth2_client_credentials": ("client_credentials", "fields"),
    "oauth1": ("oauth1",),
    "api_key": ("api_key", "fields"),
    "basic": ("basic", "fields"),
    "none": (),
}


def _check_kind(entry: CatalogEntry) -> None:
    needed = _TABLES_OF_KIND[entry.kind]
    for name in needed:
        if not getattr(entry, name):
            raise _Wrong(name, f"is missing, though the kind is {entry.kind}")
    for name in {name for names in _TABLES_OF_KIND.values() for name in names} - set(needed):
        if getattr(entry, name):
            raise _Wrong(name, f"does not belong to the kind {entry.kind}")
    if entry.client_credentials and {"client_id", "client_secret"} != {field.name for field in entry.fields}:
        raise _Wrong("fields", "must be client_id and client_secret")


def _check_fields(entry: CatalogEntry) -> None:
    """Every field is used, everything that is used is declared, and what goes into a path cannot leave it."""
    fields = {field.name: field for field in entry.fields}
    if len(fields) != len(entry.fields) or fields.keys() & {param.name for param in entry.params}:
        raise _Wrong("fields", "a name is declared twice")
    for number, field in enumerate(entry.fields):
        _check_field(field, f"fields[{number}]")
    used = {"client_id", "client_secret"} if entry.client_credentials else set()
    for key, template in _key_templates(entry):
        names = set(PLACEHOLDER.findall(template))
        for name in names - fields.keys() - {param.name for param in entry.params}:
            raise _Wrong(key, f"the placeholder {{{name}}} is declared neither in [[fields]] nor in [[params]]")
        used |= names
        if key == "api_key.path":
            for name in names & fields.keys():
                _check_pattern(fields[name], f"fields.{name}")
    for name in fields.keys() - used:
        raise _Wrong("fields", f"{name} is not used anywhere")


def _key_templates(entry: CatalogEntry) -> Iterator[tuple[str, str]]:
    if entry.api_key:
        for name, value in (*entry.api_key.headers.items(), *entry.api_key.query.items()):
            yield f"api_key.{name}", value
        yield "api_key.path", entry.api_key.path
    if entry.basic:
        yield "basic.username", entry.basic.username
        yield "basic.password", entry.basic.password


def _check_field(field: Field, key: str) -> None:
    if not re.fullmatch("[a-z][a-z0-9_]*", field.name) or not field.label:
        raise _Wrong(key, "needs a name of small letters, digits and underscores, and a label")
    if field.pattern:
        _check_pattern(field, key)


def _check_pattern(field: Field | Param, key: str) -> None:
    """A regular expression that takes nothing which would lead an address elsewhere."""
    if not field.pattern:
        raise _Wrong(f"{key}.pattern", "is missing, though the value stands in an address")
    try:
        re.compile(field.pattern)
    except re.error as error:
        raise _Wrong(f"{key}.pattern", f"is not a regular expression ({error})") from error
    for hostile in _HOSTILE:
        if re.fullmatch(field.pattern, hostile, re.ASCII):
            raise _Wrong(f"{key}.pattern", f"accepts {hostile!r}, which would lead to another host")


def _check_placeholders(entry: CatalogEntry, key: str, text: str, built_in: Collection[str]) -> None:
    declared = {param.name for param in entry.params}
    for name in PLACEHOLDER.findall(text):
        if name not in declared and name not in built_in:
            raise _Wrong(key, f"the placeholder {{{name}}} is not declared in [[params]]")


def _check_texts(entry: CatalogEntry) -> None:
    """Placeholders outside of addresses: in headers, parameters and scopes."""
    app, token = ("client_id", "client_secret"), ("client_id", "client_secret", "access_token")
    tables: list[tuple[str, Mapping[str, str], tuple[str, ...]]] = [
        ("api.headers", entry.api.headers, app),
        ("api.query", entry.api.query, app),
        ("api", {"access_token_header": entry.api.access_token_header}, ("access_token",)),
        ("scopes", {scope.name: scope.name for scope in entry.scopes}, ()),
    ]
    if entry.oauth2:
        tables += [
            ("oauth2.authorization_params", entry.oauth2.authorization_params, ("random",)),
            ("oauth2.token_params", entry.oauth2.token_params, ()),
            ("oauth2.refresh.params", entry.oauth2.refresh.params, ()),
            ("oauth2.token_request_headers", entry.oauth2.token_request_headers, app),
        ]
    if entry.client_credentials:
        tables += [("client_credentials.token_params", entry.client_credentials.token_params, ())]
    if entry.account:
        tables += [("account.headers", entry.account.headers, token), ("account.form", entry.account.form, token)]
    if entry.placement:
        tables += [("placement.headers", entry.placement.headers, token)]
        for name in entry.placement.values:
            if name not in {param.name for param in entry.params_from("post_connect")}:
                raise _Wrong(f"placement.values.{name}", "is not declared in [[params]] with the source post_connect")
    if entry.verification:
        tables += [("verification.headers", entry.verification.headers, ())]
    if entry.revocation:
        tables += [
            ("revocation.headers", entry.revocation.headers, app),
            ("revocation.params", entry.revocation.params, ()),
        ]
    for key, table, built_in in tables:
        for name, text in table.items():
            _check_placeholders(entry, f"{key}.{name}", text, built_in)


def _check_host(entry: CatalogEntry, param: Param, key: str) -> None:
    """A host that ends in a value: only an operator may choose it freely, for the OAuth app that is registered there.

    The client secret and the tokens go there, so neither the person who connects nor an answer may name any host.
    """
    hosts = (url.partition("://")[2].partition("/")[0] or url.partition("/")[0] for _, url in _urls(entry))
    if entry.kind in _KINDS_WITH_KEY:  # what somebody enters goes to the host that they enter with it
        return
    if param.source == "client" or not any(host.endswith(f"{{{param.name}}}") for host in hosts):
        return
    for elsewhere in _ELSEWHERE:
        if matches(param, elsewhere):
            raise _Wrong(key, f"accepts {elsewhere!r}: name the domains it may lead to, or let the OAuth app say it")


def _check_param(entry: CatalogEntry, param: Param, key: str) -> None:
    for name, expression in (("pattern", param.pattern), ("extract", param.extract)):
        try:
            groups = re.compile(expression).groups
        except re.error as error:
            raise _Wrong(f"{key}.{name}", f"is not a regular expression ({error})") from error
        if name == "extract" and expression and groups != 1:
            raise _Wrong(f"{key}.extract", "must have exactly one group")
    _check_pattern(param, key)
    _check_host(entry, param, f"{key}.pattern")
    for name, value in (("example", param.example), ("default", param.default)):
        if value and not matches(param, value):
            raise _Wrong(f"{key}.{name}", "does not match the pattern")


def _check_scopes(entry: CatalogEntry) -> None:
    names = [scope.name for scope in entry.scopes]
    for number, scope in enumerate(entry.scopes):
        if names.index(scope.name) != number:
            raise _Wrong(f"scopes[{number}].name", f"{scope.name} is listed twice")
        if not scope.name or entry.scope_separator in scope.name:
            raise _Wrong(f"scopes[{number}].name", "must be text without the scope separator")
        for larger in scope.included_in:
            if larger not in names:
                raise _Wrong(f"scopes[{number}].included_in", f"{larger} is not listed in [[scopes]]")
    params = [param.name for param in entry.params]
    for number, name in enumerate(params):
        if params.index(name) != number:
            raise _Wrong(f"params[{number}].name", f"{name} is declared twice")
