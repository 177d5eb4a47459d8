"""The client for programs that wait for each response."""

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

import httpx

from specway import operations
from specway.errors import NoTokenError, SessionPendingError, error_of
from specway.operations import Operation
from specway.proxy import CallOptions, ProxyTarget, ProxyTransport
from specway.types import (
    BrowserToken,
    CheckItem,
    CheckResult,
    Connection,
    ConnectionFilters,
    ConnectLink,
    ConnectSession,
    Disconnected,
    KeyMaterial,
    Member,
    NewBrowserToken,
    NewConnectSession,
    Preflight,
    PreflightNeed,
    TeamUsage,
    Token,
    TokenItem,
    TokenNeed,
)

if TYPE_CHECKING:
    import requests


class Client:
    """Specway's API. Close it, or use it as a context manager. Methods raise ApiError and httpx.TransportError."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        url: str | None = None,
        timeout: float = 60,
        retries: int = 2,
        max_wait: float = 60,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`api_key` and `url` default to the environment: SPECWAY_API_KEY or SPECWAY_API_KEY_FILE, and SPECWAY_URL.

        A request is repeated up to `retries` times, and only where the API says so with Retry-After (of at most
        `max_wait` seconds) or the connection was lost and a repetition has no second effect. `timeout` is how many
        seconds the API may be silent. Raises ValueError for an address that is none, and without a key.
        """
        self.settings = operations.settings(api_key, url, retries=retries, max_wait=max_wait)
        self._timeout = timeout
        self._http = httpx.Client(
            base_url=self.settings.api, headers=self.settings.headers, timeout=timeout, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept for further requests."""
        self._http.close()

    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        """Any other request of the API, such as `request("GET", "members/")`: its JSON, or None without a body."""
        repeatable = method in {"GET", "HEAD", "PUT"}
        operation = Operation(method, path.lstrip("/"), query=query or {}, body=body, repeatable=repeatable)
        return self._send(operation)

    def connections(self, **filters: Unpack[ConnectionFilters]) -> Iterator[Connection]:
        """All connections that match, page by page."""
        following: Operation | None = operations.connections(filters)
        while following is not None:
            page = self._send(following)
            yield from page["results"]
            following = operations.page_after(following, page)

    def connection(self, connection: str) -> Connection:
        """One connection, by its ID."""
        return cast(Connection, self._send(operations.connection(connection)))

    def disconnect(self, connection: str) -> Disconnected:
        """Disconnect it, and revoke its access at the service where that is possible."""
        return cast(Disconnected, self._send(operations.disconnect(connection)))

    def credentials(self, connection: str, **need: Unpack[TokenNeed]) -> Token | KeyMaterial:
        """A fresh access token, or what the connection's API key adds to requests."""
        return cast(Token | KeyMaterial, self._send(operations.token(connection, need)))

    def token(self, connection: str, **need: Unpack[TokenNeed]) -> Token:
        """A fresh access token, valid for at least `min_ttl` seconds if the service allows that (`min_ttl_met`).

        Raises NoTokenError if the connection has an API key, and ApiError with the code `reauthorization_required`,
        `missing_scopes`, or with `strict` `min_ttl_not_met`.
        """
        found = self.credentials(connection, **need)
        if "access_token" not in found:
            raise NoTokenError("This connection has an API key; credentials() returns what it adds to requests")
        return cast(Token, found)

    def tokens(self, connections: Sequence[str], **need: Unpack[TokenNeed]) -> list[TokenItem]:
        """The tokens of up to 50 connections, each with its own outcome."""
        return cast(list[TokenItem], self._send(operations.tokens(connections, need))["results"])

    def check(self, connection: str) -> CheckResult:
        """Make a real call that verifies the connection."""
        return cast(CheckResult, self._send(operations.check(connection)))

    def checks(self, connections: Sequence[str]) -> list[CheckItem]:
        """The same for up to 50 connections, each with its own outcome."""
        return cast(list[CheckItem], self._send(operations.checks(connections))["results"])

    def preflight(self, needs: Sequence[PreflightNeed | str]) -> Preflight:
        """Whether a workflow's connections (IDs, or with scopes and a duration in seconds) are usable."""
        return cast(Preflight, self._send(operations.preflight(needs)))

    def create_connect_session(self, **session: Unpack[NewConnectSession]) -> ConnectLink:
        """A one-time link (`url`) for one member, who connects a service or repairs a connection."""
        return cast(ConnectLink, self._send(operations.create_connect_session(session)))

    def connect_session(self, session: str) -> ConnectSession:
        """The state of a session."""
        return cast(ConnectSession, self._send(operations.connect_session(session)))

    def cancel_connect_session(self, session: str) -> ConnectSession:
        """Cancel a session whose link was not used."""
        return cast(ConnectSession, self._send(operations.cancel_connect_session(session)))

    def wait_for_connect_session(self, session: str, *, timeout: float = 600, interval: float = 2) -> ConnectSession:
        """The session once it is no longer pending, whatever its outcome; asked for every `interval` seconds.

        Raises SessionPendingError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while (found := self.connect_session(session))["status"] == "pending":
            if time.monotonic() + interval > deadline:
                raise SessionPendingError(f"The connect session is still pending after {timeout:g} seconds")
            time.sleep(interval)
        return found

    def create_browser_token(self, **token: Unpack[NewBrowserToken]) -> BrowserToken:
        """A short-lived token for a page, which must not have the API key; it has at most the key's scopes."""
        return cast(BrowserToken, self._send(operations.create_browser_token(token)))

    def usage(self, *, days: int = 30) -> TeamUsage:
        """The calls of the last days (1 to 365) through the connections that the key can see, and its limits."""
        return cast(TeamUsage, self._send(operations.usage(days)))

    def members(self) -> Iterator[Member]:
        """The team's members, page by page. For keys with the scope `members:read`."""
        following: Operation | None = operations.members()
        while following is not None:
            page = self._send(following)
            yield from page["results"]
            following = operations.page_after(following, page)

    def proxy_url(self, connection: str) -> str:
        """The base URL for SDKs that take one, with the API key as their token."""
        return self.settings.proxy_url(connection)

    def proxy_target(
        self,
        connection: str,
        *,
        base_url: str = "",
        hosts: Mapping[str, str] | None = None,
        options: CallOptions | None = None,
    ) -> ProxyTarget:
        """What `ProxyTransport` needs, where `http_client` is not enough (an own transport, certificates)."""
        proxy_url = self.proxy_url(connection)
        key = self.settings.api_key
        return ProxyTarget(proxy_url, base_url or proxy_url, key, hosts or {}, options or CallOptions())

    def http_client(
        self,
        connection: str,
        *,
        base_url: str = "",
        hosts: Mapping[str, str] | None = None,
        options: CallOptions | None = None,
    ) -> httpx.Client:
        """An httpx client whose requests go through the proxy. `base_url` is the service's, as its SDK uses it.

        Without it, addresses are relative to the API's base URL. `hosts` maps names of further hosts to their URLs.
        Failures of Specway are raised as ApiError; responses are the service's own. Close it after use.
        """
        target = self.proxy_target(connection, base_url=base_url, hosts=hosts, options=options)
        return httpx.Client(base_url=target.base_url, transport=ProxyTransport(target), timeout=self._timeout)

    def requests_session(
        self,
        connection: str,
        *,
        base_url: str = "",
        hosts: Mapping[str, str] | None = None,
        options: CallOptions | None = None,
    ) -> "requests.Session":
        """The same as a session of requests, which `specway[requests]` installs. Addresses in it are absolute."""
        from specway.requests_adapter import session_for

        return session_for(self.proxy_target(connection, base_url=base_url, hosts=hosts, options=options))

    def _send(self, operation: Operation) -> Any:
        headers = operation.headers()
        for tries in range(self.settings.retries + 1):
            try:
                response = self._http.request(
                    operation.method, operation.path, params=operation.query, json=operation.body, headers=headers
                )
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if not operation.repeatable or tries == self.settings.retries:
                    raise
                continue
            if response.is_success:
                return response.json() if response.content else None
            wait = self.settings.wait_after(response, tries)
            if wait is None:
                break
            time.sleep(wait)
        raise error_of(response.status_code, response.headers, response.content)
