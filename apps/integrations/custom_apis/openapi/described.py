"""The result of reading an API document."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from apps.integrations.custom_apis.schema import Authentication

T = TypeVar("T")


@dataclass(frozen=True)
class Note:
    """A part of the document (a path of keys) that could not be used, and why."""

    where: str
    sentence: str


@dataclass(frozen=True)
class Server:
    """A base URL, the parameters in it, and what the document calls it."""

    url: str
    params: tuple[Mapping[str, Any], ...] = ()
    label: str = ""


@dataclass(frozen=True)
class FoundHost:
    """The server of some operations, under a name. `base_url` may hold parameters of the first server."""

    name: str
    base_url: str
    label: str


@dataclass(frozen=True)
class FoundScheme:
    """A security scheme under its name in the document, and the fields of the Authentication tab that it fills in."""

    name: str
    words: str
    authentication: Authentication
    filled: tuple[str, ...]
    discovered: tuple[str, ...] = ()  # those that were filled in from the issuer's metadata
    is_obsolete: bool = False  # read from an implicit flow


@dataclass(frozen=True)
class Call:
    """One operation; `scopes` are those it requires, if the document lists them. `host` is the name of the one of
    `Described.hosts` at which it is called; empty for the base URL."""

    method: str
    path: str
    summary: str
    scopes: tuple[str, ...] = ()
    host: str = ""


@dataclass(frozen=True)
class Described:
    """The whole document. `servers` may be empty; `schemes` starts with the preferred one."""

    version: str
    name: str
    description: str
    servers: tuple[Server, ...]
    schemes: tuple[FoundScheme, ...]
    operations: tuple[Call, ...]
    notes: tuple[Note, ...]
    hosts: tuple[FoundHost, ...] = ()

    @property
    def base_url(self) -> str:
        """That of the first server; empty where there is none."""
        return self.servers[0].url if self.servers else ""

    @property
    def params(self) -> tuple[Mapping[str, Any], ...]:
        """The parameters of the first server."""
        return self.servers[0].params if self.servers else ()


def storable(value: T) -> T:
    """A copy without NUL and lone surrogates, which databases reject (JSON can contain both as escapes)."""
    result: Any = value
    if isinstance(value, str):
        result = value.encode("utf-8", "replace").decode().replace("\0", "?")
    elif isinstance(value, tuple):
        result = tuple(storable(one) for one in value)
    elif isinstance(value, Mapping):
        result = {storable(key): storable(one) for key, one in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        result = replace(value, **{one.name: storable(getattr(value, one.name)) for one in fields(value)})
    storable_value: T = result
    return storable_value
