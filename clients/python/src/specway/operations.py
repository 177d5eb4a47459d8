"""The requests of the API, for both clients: what is sent, and whether it may be sent again."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx

from specway import errors
from specway.types import ConnectionFilters, NewBrowserToken, NewConnectSession, PreflightNeed, TokenNeed

SEPARATORS = {"id": ",", "tags": ",", "scopes": " "}
# Specway did nothing for these, and says in Retry-After when to try again.
_REFUSED_FOR_NOW = {429, 503}
_WAITS_FOR_THE_FIRST = "idempotency_key_in_use"


@dataclass(frozen=True)
class Operation:
    """One request. `repeatable`: also after a lost connection, since it has no second effect."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    repeatable: bool = True

    def headers(self) -> dict[str, str]:
        """The headers for this request and all its repetitions."""
        return {"Idempotency-Key": str(uuid4())} if self.method == "POST" and self.path in _CREATE else {}


_CREATE = {"connect-sessions/", "browser-tokens/"}


@dataclass(frozen=True)
class Settings:
    """Where the API is, how to authenticate there, and how long to wait. Times are in seconds."""

    url: str
    api_key: str = field(repr=False)
    retries: int
    max_wait: float

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1/"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}", "Accept": "application/json"}

    def proxy_url(self, connection: str) -> str:
        return f"{self.api}connections/{identifier(connection)}/proxy/"

    def wait_after(self, response: httpx.Response, tries: int) -> float | None:
        """The seconds until the request may be sent again, as the response says; None if it must not be.

        Sent again are requests that Specway refused for now (429, 503) and those whose first attempt is still in
        progress (409 `idempotency_key_in_use`), always only with Retry-After, and at most `retries` times.
        """
        waited_for = response.status_code in _REFUSED_FOR_NOW
        if response.status_code == httpx.codes.CONFLICT:
            waited_for = errors.error_of(409, response.headers, response.content).code == _WAITS_FOR_THE_FIRST
        seconds = errors.retry_after(response.headers)
        if not waited_for or seconds is None or seconds > self.max_wait or tries >= self.retries:
            return None
        return seconds


def settings(api_key: str | None, url: str | None, *, retries: int, max_wait: float) -> Settings:
    """The arguments, or the environment: SPECWAY_URL, SPECWAY_API_KEY or SPECWAY_API_KEY_FILE.

    Raises ValueError with the name of what is missing or not a web address.
    """
    address = (url or os.environ.get("SPECWAY_URL", "")).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("SPECWAY_URL must be the address of an installation, such as https://connections.example.com")
    return Settings(url=address, api_key=(api_key or _key_of_environment()), retries=retries, max_wait=max_wait)


def _key_of_environment() -> str:
    key = os.environ.get("SPECWAY_API_KEY", "").strip()
    file = os.environ.get("SPECWAY_API_KEY_FILE", "")
    if not key and file:
        try:
            key = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"SPECWAY_API_KEY_FILE cannot be read: {error.strerror}") from None
    if not key:
        raise ValueError("There is no API key: set SPECWAY_API_KEY or SPECWAY_API_KEY_FILE")
    return key


def identifier(text: str) -> str:
    """The ID in its usual form. Raises ValueError: another text in a path would be another request."""
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an ID (a UUID)") from None


def connections(filters: ConnectionFilters) -> Operation:
    return Operation("GET", "connections/", query=_query(filters))


def connection(pk: str) -> Operation:
    return Operation("GET", f"connections/{identifier(pk)}/")


def disconnect(pk: str) -> Operation:
    return Operation("DELETE", f"connections/{identifier(pk)}/", repeatable=False)


def token(pk: str, need: TokenNeed) -> Operation:
    return Operation("POST", f"connections/{identifier(pk)}/token/", body=dict(need))


def tokens(pks: Sequence[str], need: TokenNeed) -> Operation:
    return Operation("POST", "tokens/", body={"connections": list(pks), **need})


def check(pk: str) -> Operation:
    return Operation("POST", f"connections/{identifier(pk)}/check/")


def checks(pks: Sequence[str]) -> Operation:
    return Operation("POST", "connections/check/", body={"connections": list(pks)})


def preflight(needs: Sequence[PreflightNeed | str]) -> Operation:
    named = [{"connection": need} if isinstance(need, str) else need for need in needs]
    return Operation("POST", "preflight/", body={"connections": named})


def create_connect_session(session: NewConnectSession) -> Operation:
    return Operation("POST", "connect-sessions/", body=dict(session))


def connect_session(pk: str) -> Operation:
    return Operation("GET", f"connect-sessions/{identifier(pk)}/")


def cancel_connect_session(pk: str) -> Operation:
    return Operation("DELETE", f"connect-sessions/{identifier(pk)}/", repeatable=False)


def create_browser_token(token: NewBrowserToken) -> Operation:
    return Operation("POST", "browser-tokens/", body=dict(token))


def usage(days: int) -> Operation:
    return Operation("GET", "usage/", query={"days": days})


def members() -> Operation:
    return Operation("GET", "members/")


def page_after(operation: Operation, page: Mapping[str, Any]) -> Operation | None:
    """The request of the next page, at the same address: only the cursor is taken from `next`."""
    cursor = parse_qs(urlsplit(page.get("next") or "").query).get("cursor")
    if not cursor:
        return None
    return Operation(operation.method, operation.path, query={**operation.query, "cursor": cursor[0]})


def _query(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: SEPARATORS.get(name, ",").join(value) if isinstance(value, list) else value
        for name, value in filters.items()
    }
