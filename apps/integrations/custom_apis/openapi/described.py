"""What was found in an API description."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from apps.integrations.custom_apis.schema import Authentication

T = TypeVar("T")


@dataclass(frozen=True)
class Note:
    """What could not be used: where in the document (a path of keys), and why."""

    where: str
    sentence: str


@dataclass(frozen=True)
class FoundScheme:
    """One way to sign in, by the document's name for it, with the fields of the Authentication tab that it fills."""

    name: str
    words: str
    authentication: Authentication
    filled: tuple[str, ...]
    discovered: tuple[str, ...] = ()  # those of them that the issuer's metadata filled in


@dataclass(frozen=True)
class Call:
    """One operation; `scopes` are those that it needs, as far as the document says."""

    method: str
    path: str
    summary: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """All of it. `base_url` is empty where the document does not say; `schemes` has the best one first."""

    version: str
    name: str
    description: str
    base_url: str
    params: tuple[Mapping[str, Any], ...]
    schemes: tuple[FoundScheme, ...]
    operations: tuple[Call, ...]
    notes: tuple[Note, ...]


def storable(value: T) -> T:
    """The same without what no database takes: NUL, and halves of surrogate pairs (JSON can write both as escapes)."""
    made: Any = value
    if isinstance(value, str):
        made = value.encode("utf-8", "replace").decode().replace("\0", "?")
    elif isinstance(value, tuple):
        made = tuple(storable(one) for one in value)
    elif isinstance(value, Mapping):
        made = {storable(key): storable(one) for key, one in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{one.name: storable(getattr(value, one.name)) for one in fields(value)})
    result: T = made
    return result
