"""Strict reading of catalog entries, from a TOML file or a team's definition: every deviation from the schema is an
error that names the file and the key."""

import tomllib
import types
from collections.abc import Mapping
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from django.utils.translation import gettext_noop

from apps.integrations.catalog.errors import CatalogError, SchemaError
from apps.integrations.catalog.rules import check_entry, check_slug
from apps.integrations.catalog.schema import CatalogEntry

Table = TypeVar("Table")
_TYPE_NAMES = {str: gettext_noop("a string"), int: gettext_noop("an integer"), bool: gettext_noop("true or false")}


def read_provider(path: Path) -> CatalogEntry:
    """The catalog entry in a TOML file; the file name without `.toml` is its slug. Raises CatalogError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(path.name, "", gettext_noop("not valid TOML (%(error)s)") % {"error": error}) from error
    try:
        check_slug(path.stem)
        if "slug" in document:
            raise SchemaError("slug", gettext_noop("unknown key; the file name is the slug"))
        entry = _read_table(CatalogEntry, document | {"slug": path.stem}, "")
        check_entry(entry)
    except SchemaError as error:
        raise CatalogError(path.name, error.key, error.problem) from None
    return entry


def read_definition(document: Mapping[str, Any], *, slug: str) -> CatalogEntry:
    """The catalog entry of a custom API, in the same schema as the files. Raises CatalogError.

    `metadata.checked` must be "team". Such an entry may have http URLs; egress decides whether they can be reached.
    """
    try:
        entry = _read_table(CatalogEntry, {**document, "slug": slug}, "")
        if entry.metadata.checked != "team":
            raise SchemaError("metadata.checked", gettext_noop("must be team"))
        check_entry(entry)
    except SchemaError as error:
        raise CatalogError(slug, error.key, error.problem) from None
    return entry


@cache
def _fields_of(shape: Any) -> tuple[dict[str, Any], Mapping[str, Parameter]]:
    return get_type_hints(shape), signature(shape).parameters


def _read_table(shape: type[Table], raw: Any, key: str) -> Table:
    hints, parameters = _fields_of(shape)  # type: ignore[arg-type] # a class is hashable
    for name in _require_table(raw, key):
        if name not in hints:
            raise SchemaError(
                _join(key, name),
                gettext_noop("unknown key; known keys are %(names)s") % {"names": ", ".join(sorted(hints))},
            )
    values = {}
    for name, parameter in parameters.items():
        if name in raw:
            values[name] = _read_value(hints[name], raw[name], _join(key, name))
        elif parameter.default is Parameter.empty:
            raise SchemaError(_join(key, name), gettext_noop("is missing"))
    return shape(**values)


def _read_value(kind: Any, raw: Any, key: str) -> Any:
    """`raw` as `kind`: a scalar, a Literal, a table of the schema, a list, a table of strings, or a union of these."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        members = [argument for argument in arguments if argument is not type(None)]
        return _read_value(next((member for member in members if type(raw) is member), members[0]), raw, key)
    if origin is Literal:
        if raw not in arguments:
            raise SchemaError(key, gettext_noop("must be one of %(names)s") % {"names": ", ".join(arguments)})
        return raw
    if origin in (tuple, frozenset):
        return origin(_read_list(arguments[0], raw, key))
    if origin is Mapping:
        items = _require_table(raw, key).items()
        return {name: _read_value(arguments[1], item, _join(key, name)) for name, item in items}
    return _read_scalar(kind, raw, key) if kind in _TYPE_NAMES else _read_table(kind, raw, key)


def _read_list(kind: Any, raw: Any, key: str) -> list[Any]:
    if not isinstance(raw, list):
        raise SchemaError(key, gettext_noop("must be a list"))
    return [_read_value(kind, item, f"{key}[{number}]") for number, item in enumerate(raw)]


def _read_scalar(kind: Any, raw: Any, key: str) -> Any:
    if type(raw) is not kind:  # not isinstance: a TOML boolean is not an integer
        raise SchemaError(key, gettext_noop("must be %(type)s") % {"type": _TYPE_NAMES[kind]})
    return raw


def _require_table(raw: Any, key: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise SchemaError(key, gettext_noop("must be a table"))
    return raw


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
