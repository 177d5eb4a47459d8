"""The rules of a catalog entry that types cannot express: URLs, placeholders, and names that refer to others."""

import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop

from apps.integrations.catalog import patterns
from apps.integrations.catalog.errors import SchemaError
from apps.integrations.catalog.guide import check_guide
from apps.integrations.catalog.key_schema import Field
from apps.integrations.catalog.placeholders import PLACEHOLDER, matches
from apps.integrations.catalog.reading_rules import check_reading
from apps.integrations.catalog.schema import CatalogEntry, Param
from apps.integrations.catalog.templates import FURTHER_KEY, call_texts, key_templates, templates

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Values with which a placeholder would lead to another host. No pattern may accept one.
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
# Hosts (and the end of one) to which a value must never lead unless an operator entered it.
_FOREIGN_HOSTS = ("evil.example", "https://evil.example", "http://evil.example", "https://evil.example:8443", "zip")
_TABLES_WITH_URLS = (
    "oauth2",
    "account",
    "placement",
    "revocation",
    "links",
    "client_credentials",
    "oauth1",
    "verification",
)
_KINDS_WITH_KEY = ("api_key", "basic", "oauth2_client_credentials", "none")
_TABLES_OF_KIND = {
    "oauth2": ("oauth2",),
    "oauth2_client_credentials": ("client_credentials", "fields"),
    "oauth1": ("oauth1",),
    "api_key": ("api_key", "fields"),
    "basic": ("basic", "fields"),
    "none": (),
}


# Keys that are sent beside user name and password.
_ALSO_OF_KIND = {kind: ("api_key",) if kind == "basic" else () for kind in _TABLES_OF_KIND}


def check_slug(slug: str) -> None:
    """Raises SchemaError for a file name that is not a slug."""
    if not _SLUG.fullmatch(slug):
        raise SchemaError("", gettext_noop("the file name must be a slug such as google-drive.toml"))


def check_entry(entry: CatalogEntry) -> None:
    """Raises SchemaError for the first rule that the entry breaks."""
    _check_kind(entry)
    for key, url in urls_of(entry):
        _check_url(entry, key, url)
    for number, param in enumerate(entry.params):
        _check_param(entry, param, f"params[{number}]")
    _check_placement(entry)
    for key, text, built_in in templates(entry):
        _check_placeholders(entry, key, text, built_in)
    _check_fields(entry)
    _check_scopes(entry)
    _check_param_names(entry)
    _check_identity(entry)
    _check_api_hosts(entry)
    check_reading(entry)
    if entry.guide:
        check_guide(entry.guide, registers_app=bool(entry.oauth2 or entry.oauth1), has_scopes=bool(entry.scopes))
    if len(entry.description) > 60:
        raise SchemaError("description", gettext_noop("must be one line of at most 60 characters"))
    if entry.metadata.checked == "vendor" and not entry.metadata.evidence:
        raise SchemaError(
            "metadata.evidence", gettext_noop("must name the vendor's pages that confirmed the essentials")
        )
    if entry.oauth2 and entry.oauth2.iss_required and not entry.oauth2.issuer:
        raise SchemaError("oauth2.issuer", gettext_noop("is missing although iss_required is true"))


def urls_of(entry: CatalogEntry) -> Iterator[tuple[str, str]]:
    """Every URL of the entry with its key. Empty ones are left out."""
    tables: dict[str, Any] = {name: getattr(entry, name) for name in _TABLES_WITH_URLS}
    if entry.oauth2:
        tables |= {"oauth2.long_lived": entry.oauth2.long_lived, "oauth2.refresh": entry.oauth2.refresh}
    for name, table in tables.items():
        for key, value in vars(table).items() if table else ():
            if (key == "url" or key.endswith("_url") or key == "issuer") and value:
                yield f"{name}.{key}", value
    yield "api.base_url", entry.api.base_url
    for host in entry.hosts:
        yield f"hosts.{host.name}", host.base_url
    for number, url in enumerate(entry.metadata.evidence):
        yield f"metadata.evidence[{number}]", url
    if entry.guide:
        yield "guide.source", entry.guide.source


def _check_url(entry: CatalogEntry, key: str, url: str) -> None:
    _check_placeholders(entry, key, url, _built_in_of_url(entry, key))
    is_origin = re.match(r"\{[a-z0-9_]+\}(/|$)", url)  # entered by an operator, limited by its pattern
    rest = url.partition("}")[2] if is_origin else _after_host(entry, key, url)
    fragment_allowed = key.startswith(("links.", "metadata.", "guide."))
    if (not fragment_allowed and "#" in url) or any(character in rest for character in " \\\n\t"):
        raise SchemaError(key, gettext_noop("must be a URL without fragment, spaces and backslashes"))


def _built_in_of_url(entry: CatalogEntry, key: str) -> set[str]:
    """The placeholders besides [[params]] that a URL may hold."""
    if key == "verification.url":  # an account number may be part of a URL, a secret may not
        return {field.name for field in entry.fields if field.pattern and not field.secret}
    if key == "account.label_url":
        return {"subject"}
    return {"client_id"} if key in ("revocation.url", "oauth2.authorization_url") else set()


def _after_host(entry: CatalogEntry, key: str, url: str) -> str:
    """Path and query of an absolute URL. Raises SchemaError for a wrong scheme, a missing host or a user name."""
    parts = urlsplit(url)
    schemes = ("https", "http") if entry.metadata.checked == "team" else ("https",)
    if parts.scheme not in schemes or not parts.netloc or "@" in parts.netloc:
        raise SchemaError(key, gettext_noop("must be an https URL without a user name"))
    return parts.path + parts.query


def _check_kind(entry: CatalogEntry) -> None:
    needed = _TABLES_OF_KIND[entry.kind]
    for name in needed:
        if not getattr(entry, name):
            raise SchemaError(name, gettext_noop("is missing although the kind is %(kind)s") % {"kind": entry.kind})
    for name in {name for names in _TABLES_OF_KIND.values() for name in names} - {*needed, *_ALSO_OF_KIND[entry.kind]}:
        if getattr(entry, name):
            raise SchemaError(name, gettext_noop("is not allowed for the kind %(kind)s") % {"kind": entry.kind})
    own = {field.name for field in entry.fields}
    if entry.client_credentials and own - {FURTHER_KEY} != {"client_id", "client_secret"}:
        raise SchemaError("fields", gettext_noop("must be client_id and client_secret"))


def _check_fields(entry: CatalogEntry) -> None:
    """Every field is used, every placeholder is declared, and a value in a path cannot leave its segment."""
    fields = {field.name: field for field in entry.fields}
    if len(fields) != len(entry.fields) or fields.keys() & {param.name for param in entry.params}:
        raise SchemaError("fields", gettext_noop("a name is declared twice"))
    for number, field in enumerate(entry.fields):
        _check_field(field, f"fields[{number}]")
    used = {"client_id", "client_secret"} if entry.client_credentials else set()
    used |= {FURTHER_KEY} & {name for text in call_texts(entry) for name in PLACEHOLDER.findall(text)}
    for key, template in key_templates(entry):
        names = set(PLACEHOLDER.findall(template))
        for name in names - fields.keys() - {param.name for param in entry.params}:
            raise SchemaError(
                key,
                gettext_noop("the placeholder {%(name)s} is declared neither in [[fields]] nor in [[params]]")
                % {"name": name},
            )
        used |= names
        if key == "api_key.path":
            for name in names & fields.keys():
                _check_pattern(fields[name], f"fields.{name}")
    for name in fields.keys() - used:
        raise SchemaError("fields", gettext_noop("%(name)s is not used anywhere") % {"name": name})


def _check_field(field: Field, key: str) -> None:
    if not re.fullmatch("[a-z][a-z0-9_]*", field.name) or not field.label:
        raise SchemaError(
            key, gettext_noop("must have a label and a name of lowercase letters, digits and underscores")
        )
    if field.pattern:
        _check_pattern(field, key)


def _check_pattern(field: Field | Param, key: str) -> None:
    """A regular expression that accepts no value which would lead a URL to another host."""
    if not field.pattern:
        raise SchemaError(f"{key}.pattern", gettext_noop("is missing although the value is part of a URL"))
    _require_regex(field.pattern, f"{key}.pattern")
    for hostile in _HOSTILE:
        if patterns.fullmatch(field.pattern, hostile):
            raise SchemaError(
                f"{key}.pattern",
                gettext_noop("accepts %(value)s, which would lead to another host") % {"value": repr(hostile)},
            )


def _require_regex(expression: str, key: str) -> int:
    """The number of groups of a regular expression. Raises SchemaError where it is not valid."""
    try:
        return patterns.group_count(expression)
    except patterns.InvalidPattern as error:
        raise SchemaError(key, gettext_noop("is not a regular expression (%(error)s)") % {"error": error}) from error


def _check_placeholders(entry: CatalogEntry, key: str, text: str, built_in: Collection[str]) -> None:
    declared = {param.name for param in entry.params}
    for name in PLACEHOLDER.findall(text):
        if name not in declared and name not in built_in:
            raise SchemaError(
                key, gettext_noop("the placeholder {%(name)s} is not declared in [[params]]") % {"name": name}
            )


def _check_placement(entry: CatalogEntry) -> None:
    for name in entry.placement.values if entry.placement else ():
        if name not in {param.name for param in entry.params_from("post_connect")}:
            raise SchemaError(
                f"placement.values.{name}", gettext_noop("is not declared in [[params]] with the source post_connect")
            )


def _check_host(entry: CatalogEntry, param: Param, key: str) -> None:
    """Only an operator may choose a host freely, and only for an OAuth app that is registered there.

    The client secret and the tokens are sent to it, so neither the person who connects nor a response may name it.
    """
    hosts = (url.partition("://")[2].partition("/")[0] or url.partition("/")[0] for _, url in urls_of(entry))
    if entry.kind in _KINDS_WITH_KEY:  # credentials go to the host that is entered together with them
        return
    if param.source == "client" or not any(host.endswith(f"{{{param.name}}}") for host in hosts):
        return
    for host in _FOREIGN_HOSTS:
        if matches(param, host):
            raise SchemaError(
                key,
                gettext_noop("accepts %(host)s: limit it to the service's domains, or use the source client")
                % {"host": repr(host)},
            )


def _check_param(entry: CatalogEntry, param: Param, key: str) -> None:
    _require_regex(param.pattern, f"{key}.pattern")
    if param.extract and _require_regex(param.extract, f"{key}.extract") != 1:
        raise SchemaError(f"{key}.extract", gettext_noop("must have exactly one group"))
    _check_pattern(param, key)
    _check_host(entry, param, f"{key}.pattern")
    for name, value in (("example", param.example), ("default", param.default)):
        if value and not matches(param, value):
            raise SchemaError(f"{key}.{name}", gettext_noop("does not match the pattern"))


def _check_scopes(entry: CatalogEntry) -> None:
    names = [scope.name for scope in entry.scopes]
    for number, scope in enumerate(entry.scopes):
        if names.index(scope.name) != number:
            raise SchemaError(
                f"scopes[{number}].name", gettext_noop("%(scope)s is listed twice") % {"scope": scope.name}
            )
        if not scope.name or entry.scope_separator in scope.name:
            raise SchemaError(f"scopes[{number}].name", gettext_noop("must be a name without the scope separator"))
        if scope.host and scope.host not in {host.name for host in entry.hosts}:
            raise SchemaError(
                f"scopes[{number}].host", gettext_noop("%(host)s is not listed in [[hosts]]") % {"host": scope.host}
            )
        for larger in scope.included_in:
            if larger not in names:
                raise SchemaError(
                    f"scopes[{number}].included_in",
                    gettext_noop("%(larger)s is not listed in [[scopes]]") % {"larger": larger},
                )


def _check_param_names(entry: CatalogEntry) -> None:
    names = [param.name for param in entry.params]
    for number, name in enumerate(names):
        if names.index(name) != number:
            raise SchemaError(f"params[{number}].name", gettext_noop("%(name)s is declared twice") % {"name": name})


def _check_identity(entry: CatalogEntry) -> None:
    identity = entry.identity
    if identity.subject_param and identity.subject_param not in {param.name for param in entry.params}:
        raise SchemaError("identity.subject_param", gettext_noop("is not declared in [[params]]"))
    if identity.unknown and entry.identifies_account:
        raise SchemaError("identity.unknown", gettext_noop("contradicts the subject that the entry declares"))


def _check_api_hosts(entry: CatalogEntry) -> None:
    names = [host.name for host in entry.hosts]
    for number, name in enumerate(names):
        if not _SLUG.fullmatch(name):
            raise SchemaError(
                f"hosts[{number}].name", gettext_noop("must consist of lowercase letters, digits and hyphens")
            )
        if names.index(name) != number:
            raise SchemaError(f"hosts[{number}].name", gettext_noop("%(name)s is listed twice") % {"name": name})
