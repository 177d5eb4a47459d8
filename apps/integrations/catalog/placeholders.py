"""Filling placeholders such as `{origin}` in a provider's URLs, so that no value can lead to another host. Pure."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from apps.integrations.catalog.key_schema import Field
from apps.integrations.catalog.schema import Param

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
BUILT_IN = frozenset({"access_token", "client_id", "client_secret", "random"})
# What may stand in a value at all: no @ ? # % \\, no blanks, no control characters, nothing beyond ASCII.
_HARMLESS = re.compile(r"[A-Za-z0-9._~:/-]+", re.ASCII)
_NETLOC = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)


class UnsafeValue(ValueError):
    """A value that a placeholder must not have. `param` names it; the text is one sentence without the value."""

    def __init__(self, param: str, sentence: str) -> None:
        super().__init__(sentence)
        self.param = param


def names_in(template: str) -> set[str]:
    """The placeholders that `template` holds, without those that the protocol fills in itself."""
    return set(PLACEHOLDER.findall(template)) - BUILT_IN


def matches(param: Param | Field, value: str) -> bool:
    """Whether the whole of `value` is what the parameter's pattern describes."""
    return re.fullmatch(param.pattern, value, re.ASCII) is not None


def checked_values(params: Iterable[Param], values: Mapping[str, str]) -> dict[str, str]:
    """The declared ones of `values`, defaults added, each matched against its pattern. Raises UnsafeValue."""
    checked = {}
    for param in params:
        value = values.get(param.name) or param.default
        if not value:
            continue
        if not isinstance(value, str) or not matches(param, value):
            raise UnsafeValue(param.name, f"{param.label} must look like {param.example}.")
        checked[param.name] = value
    return checked


def problems(service: str, params: Iterable[Param], values: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with the values that somebody entered for `params`, as (name, sentence); nothing if all is well."""
    wanted = {param.name: param for param in params}
    found = [(name[:60], f"{service} has no such parameter.") for name in values if name not in wanted]
    for param in wanted.values():
        value = values.get(param.name) or param.default
        if not value and param.optional:
            continue
        if not value:
            found.append((param.name, f"Enter {param.label}, such as {param.example}."))
        elif not isinstance(value, str) or not matches(param, value):
            found.append((param.name, f"{param.label} must look like {param.example}."))
    return found


def unfit(params: Iterable[Param], values: Mapping[str, object]) -> list[Param]:
    """Those of `params` that `values` hold no value for, or one that does not look like it."""
    given = {param: {param.name: values[param.name]} if param.name in values else {} for param in params}
    return [param for param, value in given.items() if problems("", [param], value)]


def found_values(service: str, params: Iterable[Param], said: Mapping[str, object]) -> dict[str, str]:
    """The values of `params` in what the service said, by the parameter's `name`. Raises UnsafeValue.

    Whatever does not match a pattern is refused: it may be another's address.
    """
    found = {}
    for param in params:
        raw = said.get(param.name)
        if raw is None or raw == "":
            continue
        value = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
        if param.extract:
            inner = re.fullmatch(param.extract, value, re.ASCII)
            value = inner[1] if inner else ""
        if not matches(param, value):
            raise UnsafeValue(param.name, f"{service} gave a value for {param.label} that does not look like its own.")
        found[param.name] = value
    return found


def fill_known(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Those of `templates` (headers, parameters) whose placeholders all have a value, filled in. Raises UnsafeValue."""
    known = {name: text for name, text in templates.items() if names_in(text) <= values.keys()}
    for text in known.values():
        _refuse_harmful(text, values)
    return {name: _replaced(text, values) for name, text in known.items()}


def fill(template: str, values: Mapping[str, str]) -> str:
    """The URL `template` with its placeholders replaced.

    The host of the result is the host of the template with each placeholder in its own place: a value that adds a
    slash or an @ would move it, and is refused (UnsafeValue) even where a pattern let it pass.
    Raises KeyError for a placeholder without a value.
    """
    _refuse_harmful(template, values)
    url = _replaced(template, values)
    if url != template:
        netloc = urlsplit(url).netloc
        if netloc != _expected_netloc(template, values) or not _NETLOC.fullmatch(netloc):
            raise UnsafeValue(min(names_in(template)), "This value would lead to another address.")
    return url


def _refuse_harmful(template: str, values: Mapping[str, str]) -> None:
    for name in sorted(names_in(template)):
        if not _HARMLESS.fullmatch(values[name]):
            raise UnsafeValue(name, "This value is not part of a web address.")


def _expected_netloc(template: str, values: Mapping[str, str]) -> str:
    """The host (and port) that stands where the template puts it, whatever the values hold."""
    start = PLACEHOLDER.match(template)
    if start:  # the placeholder is a whole origin: scheme, host, port, and nothing behind
        scheme, _, netloc = values[start[1]].partition("://")
        return netloc if scheme in ("https", "http") else ""
    netloc = template.partition("://")[2].partition("/")[0]
    return _replaced(netloc, values)


def put(text: str, values: Mapping[str, str]) -> str:
    """`text` that is no address (a header, a form field) with its placeholders replaced. Raises KeyError."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _replaced(template: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)
