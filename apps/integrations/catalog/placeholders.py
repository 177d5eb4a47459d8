"""Replaces placeholders such as `{origin}` in the URLs of a catalog entry; no value can change the host. Pure."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from django.utils.translation import gettext

from apps.integrations.catalog import patterns
from apps.integrations.catalog.key_schema import Field
from apps.integrations.catalog.schema import Param
from apps.sentences import translated

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
BUILT_IN = frozenset({"access_token", "client_id", "client_secret", "further_key", "random", "subject"})
# The characters that a value may hold at all: no @ ? # % \\, spaces, control characters or non-ASCII ones.
_SAFE = re.compile(r"[A-Za-z0-9._~:/-]+", re.ASCII)
_NETLOC = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)


class UnsafeValue(ValueError):
    """A value that a placeholder must not have. `param` is its name; the message does not contain the value."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


def names_in(template: str) -> set[str]:
    """The placeholders in `template`, without those that the protocol fills in."""
    return set(PLACEHOLDER.findall(template)) - BUILT_IN


def matches(param: Param | Field, value: str) -> bool:
    """Whether the whole of `value` matches the pattern of the parameter or field."""
    return patterns.fullmatch(param.pattern, value) is not None


def checked_values(params: Iterable[Param], values: Mapping[str, str]) -> dict[str, str]:
    """The values of declared parameters, with defaults, each matched against its pattern. Raises UnsafeValue."""
    checked = {}
    for param in params:
        value = values.get(param.name) or param.default
        if not value:
            continue
        if not isinstance(value, str) or not matches(param, value):
            raise UnsafeValue(
                param.name,
                gettext("%(label)s must look like %(example)s.")
                % {"label": translated(param.label), "example": param.example},
            )
        checked[param.name] = value
    return checked


def problems(service: str, params: Iterable[Param], values: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with the values entered for `params`, as (name, message); empty if they are valid."""
    wanted = {param.name: param for param in params}
    found = [
        (name[:60], gettext("%(service)s has no such parameter.") % {"service": service})
        for name in values
        if name not in wanted
    ]
    for param in wanted.values():
        value = values.get(param.name) or param.default
        if not value and param.optional:
            continue
        if not value:
            found.append(
                (
                    param.name,
                    gettext("Enter %(label)s, such as %(example)s.")
                    % {"label": translated(param.label), "example": param.example},
                )
            )
        elif not isinstance(value, str) or not matches(param, value):
            found.append(
                (
                    param.name,
                    gettext("%(label)s must look like %(example)s.")
                    % {"label": translated(param.label), "example": param.example},
                )
            )
    return found


def missing_or_invalid(params: Iterable[Param], values: Mapping[str, object]) -> list[Param]:
    """The parameters without a value in `values`, or with one that does not match the pattern."""
    entered = {param: {param.name: values[param.name]} if param.name in values else {} for param in params}
    return [param for param, value in entered.items() if problems("", [param], value)]


def response_values(service: str, params: Iterable[Param], response: Mapping[str, object]) -> dict[str, str]:
    """The values of `params` in a response of the service, both by the parameter's `name`. Raises UnsafeValue for a
    value that does not match its pattern: it could lead to another host."""
    found = {}
    for param in params:
        raw = response.get(param.name)
        if raw is None or raw == "":
            continue
        value = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
        if param.extract:
            inner = patterns.fullmatch(param.extract, value)
            value = inner[1] if inner else ""
        if not matches(param, value):
            raise UnsafeValue(
                param.name,
                gettext("%(service)s returned an unexpected value for %(label)s.")
                % {"service": service, "label": translated(param.label)},
            )
        found[param.name] = value
    return found


def fill_known(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The `templates` (headers, parameters) whose placeholders all have a value, filled in. Raises UnsafeValue."""
    known = {name: text for name, text in templates.items() if names_in(text) <= values.keys()}
    for text in known.values():
        _require_safe(text, values)
    return {name: _replaced(text, values) for name, text in known.items()}


def fill(template: str, values: Mapping[str, str]) -> str:
    """The URL `template` with its placeholders replaced.

    The host of the result must be that of the template with each placeholder replaced: a value with a slash or an @
    would change it and raises UnsafeValue, even where its pattern accepts it. Raises KeyError for a placeholder
    without a value.
    """
    _require_safe(template, values)
    url = _replaced(template, values)
    if url != template:
        netloc = urlsplit(url).netloc
        if netloc != _expected_netloc(template, values) or not _NETLOC.fullmatch(netloc):
            raise UnsafeValue(min(names_in(template)), gettext("This value would lead to another host."))
    return url


def _require_safe(template: str, values: Mapping[str, str]) -> None:
    for name in sorted(names_in(template)):
        if not _SAFE.fullmatch(values[name]):
            raise UnsafeValue(name, gettext("This value cannot be part of a URL."))


def _expected_netloc(template: str, values: Mapping[str, str]) -> str:
    """Host and port at the position the template gives them, whatever the values hold."""
    start = PLACEHOLDER.match(template)
    if start:  # the placeholder is a whole origin: scheme, host, port, and nothing after it
        scheme, _, netloc = values[start[1]].partition("://")
        return netloc if scheme in ("https", "http") else ""
    netloc = template.partition("://")[2].partition("/")[0]
    return _replaced(netloc, values)


def substitute(text: str, values: Mapping[str, str]) -> str:
    """A text that is not a URL (a header, a form field) with its placeholders replaced. Raises KeyError."""
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _replaced(template: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)
