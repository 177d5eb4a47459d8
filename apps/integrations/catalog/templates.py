"""The texts of a catalog entry that may hold placeholders."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.integrations.catalog.schema import CatalogEntry

# The field, or the value of the OAuth app, that calls of the API need beside the token.
FURTHER_KEY = "further_key"


def call_texts(entry: CatalogEntry) -> tuple[str, ...]:
    """The headers and parameters of every call."""
    return (*entry.api.headers.values(), *entry.api.query.values())


def key_templates(entry: CatalogEntry) -> Iterator[tuple[str, str]]:
    """What authenticates calls with entered values: key and text."""
    if entry.api_key:
        for name, value in (*entry.api_key.headers.items(), *entry.api_key.query.items()):
            yield f"api_key.{name}", value
        yield "api_key.path", entry.api_key.path
    if entry.basic:
        yield "basic.username", entry.basic.username
        yield "basic.password", entry.basic.password


def templates(entry: CatalogEntry) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every text outside of URLs that may hold placeholders: key, text, and the placeholders the protocol fills in."""
    app, token = ("client_id", "client_secret"), ("client_id", "client_secret", "access_token")
    # Only custom APIs have a further key.
    of_calls = (*app, FURTHER_KEY) if entry.metadata.checked == "team" else app
    yield "api.access_token_header", entry.api.access_token_header, ("access_token",)
    for scope in entry.scopes:
        yield f"scopes.{scope.name}", scope.name, ()
    tables: tuple[tuple[str, Any, str, tuple[str, ...]], ...] = (
        ("api", entry.api, "headers", of_calls),
        ("api", entry.api, "query", of_calls),
        ("oauth2", entry.oauth2, "authorization_params", ("random",)),
        ("oauth2", entry.oauth2, "token_params", ()),
        ("oauth2.refresh", entry.oauth2 and entry.oauth2.refresh, "params", ()),
        ("oauth2", entry.oauth2, "token_request_headers", app),
        ("client_credentials", entry.client_credentials, "token_params", ()),
        ("account", entry.account, "headers", token),
        ("account", entry.account, "form", token),
        ("placement", entry.placement, "headers", token),
        ("verification", entry.verification, "headers", ()),
        ("revocation", entry.revocation, "headers", app),
        ("revocation", entry.revocation, "params", app),
    )
    for table, holder, name, built_in in tables:
        texts: Mapping[str, str] = getattr(holder, name) if holder else {}
        for item, text in texts.items():
            yield f"{table}.{name}.{item}", text, built_in
