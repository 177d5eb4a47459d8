"""Which keys of the catalog's schema change what is sent or read, and which of them a set of files uses."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_type_hints

from apps.integrations.catalog.schema import CatalogEntry

# What people read, and where facts come from: nothing on the wire depends on it.
_WORDS = {
    "slug", "name", "category", "description", "links", "metadata", "icon", "hero", "guide",
    "scopes.description", "scopes.access", "scopes.default", "scopes.caution",
    "params.label", "params.example", "params.hint", "fields.label", "fields.example", "fields.hint",
    "hosts.label", "identity.unknown", "placement.label_path", "popular", "revocation.ends",
}  # fmt: skip
# Keys with tests of their own, by the file that holds them.
_TESTED_ELSEWHERE = {
    "account.label_url": "tests/oauth/test_account.py",
    "oauth2.basic_credentials": "tests/connections/test_custom_responses.py",
    "answer_account.source=access_token": "tests/oauth/test_quirks.py",
    "api.ended_token.": "tests/gateway/test_ended_token.py",
    **dict.fromkeys(
        (
            "client_credentials.access_token_path",
            "client_credentials.basic_credentials",
            "client_credentials.error_rules.",
            "client_credentials.expires_in_path",
            "client_credentials.scope_path",
            "client_credentials.scope_response_separator",
            "client_credentials.success_check.",
        ),
        "tests/gateway/test_further_keys.py",
    ),
    "client_credentials.refresh_token_path": "tests/integrations/catalog/test_key_services.py",
    "hosts.": "tests/gateway/test_named_hosts.py",
    "identity.subject_param": "tests/integrations/catalog/test_reader.py",
    "oauth2.error_rules.": "tests/oauth/test_refusals.py, tests/integrations/catalog/test_error_rules.py",
    "oauth2.prompt_for_offline": "tests/oauth/test_quirks.py",
    "scopes.host": "tests/integrations/catalog/test_reader.py",
}


def protocol_keys(shape: Any = CatalogEntry, prefix: str = "") -> Iterator[str]:
    """Every dotted key beneath the schema, and `key=value` for each choice of one that has several."""
    for name, hint in get_type_hints(shape).items():
        key = f"{prefix}{name}"
        if key in _WORDS:
            continue
        inner = [part for part in _parts(hint) if is_dataclass(part) or hasattr(part, "_fields")]
        if inner:
            for part in inner:
                yield from protocol_keys(part, f"{key}.")
        else:
            yield key
        for part in _parts(hint):
            if _is_choice(part):
                yield from (f"{key}={value}" for value in get_args(part))


def used_keys(document: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The same of a file: the keys that are in it."""
    for name, value in document.items():
        key = f"{prefix}{name}"
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Mapping):
                yield from used_keys(inner, f"{key}.")
            else:
                yield f"{key}={inner}"
        yield key


def defaults(shape: Any = CatalogEntry, prefix: str = "") -> Iterator[str]:
    """`key=value` of each choice that an omitted key means."""
    for name, hint in get_type_hints(shape).items():
        value = getattr(shape, name, None) if not isinstance(shape, type) else shape.__dict__.get(name)
        if isinstance(value, str | int):
            yield f"{prefix}{name}={value}"
        for part in _parts(hint):
            if is_dataclass(part):
                yield from defaults(part, f"{prefix}{name}.")


def uncovered(files: Iterable[Mapping[str, Any]]) -> list[str]:
    """The keys and choices that none of the files uses. A default needs no file that spells it out."""
    used = {key for document in files for key in used_keys(document)}
    missing = set(protocol_keys()) - used - set(defaults())
    return sorted(key for key in missing if not key.startswith(tuple(_TESTED_ELSEWHERE)))


def _is_choice(part: Any) -> bool:
    return getattr(part, "__origin__", None) is Literal


def _parts(hint: Any) -> list[Any]:
    """The types within a hint: of a tuple's items, of alternatives, of a table's values."""
    if _is_choice(hint):
        return [hint]
    inner = [part for argument in get_args(hint) for part in _parts(argument)]
    return inner or [hint]
