"""Catalog files of made-up services: what all have, what one departs in, and the text of both as TOML."""

import json
from collections.abc import Mapping
from typing import Any

ORIGIN = r"http://(127\.0\.0\.1|localhost):[0-9]{1,5}"
HERE = {
    "name": "origin",
    "label": "Origin",
    "pattern": ORIGIN,
    "example": "http://127.0.0.1:8100",
    "source": "client",
}
COMMON: dict[str, Any] = {
    "category": "other",
    "description": "Made for tests",
    "metadata": {"checked": "vendor", "evidence": ["https://example.com/docs"]},
    "api": {"base_url": "{origin}/api"},
}
OAUTH2: dict[str, Any] = COMMON | {
    "kind": "oauth2",
    "oauth2": {
        "authorization_url": "{origin}/authorize",
        "token_url": "{origin}/token",
        "token_endpoint_auth_method": "client_secret_basic",
    },
    "scopes": [
        {"name": "read", "description": "Read", "access": "read", "default": True},
        {"name": "write", "description": "Write", "access": "write"},
    ],
}


def param(name: str, pattern: str, example: str, source: str, **more: Any) -> dict[str, Any]:
    """One placeholder."""
    return {"name": name, "label": name.title(), "pattern": pattern, "example": example, "source": source, **more}


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `more`, tables within tables; `params` are added, other lists replaced."""
    document = dict(base)
    for key, value in more.items():
        before = document.get(key)
        document[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return document


def as_toml(document: Mapping[str, Any]) -> str:
    """The document as TOML, a top-level key a line."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in document.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_value(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    return json.dumps(value)
