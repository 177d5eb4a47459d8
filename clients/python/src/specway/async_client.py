"""The client for asyncio: the same methods as `Client`."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack, cast

import httpx

from specway import operations
from specway.errors import NoTokenError, SessionPendingError, error_of
from specway.operations import Operation
from specway.proxy import AsyncProxyTransport, CallOptions, ProxyTarget
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


class AsyncClient:
    """Specway's API for asyncio. Close it, or use it as a context manager. Methods raise as those of `Client`."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        url: str | None = None,
        timeout: float = 60,
        retries: int = 2,
        max_wait: float = 60,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`api_key` and `url` default to the environment: SPECWAY_API_KEY or SPECWAY_API_KEY_FILE, and SPECWAY_URL.

        A request is repeated up to `retries` times, and only where the API says so with Retry-After (of at most
        `max_wait` seconds) or the connection was lost and a repetition has no second effect. `timeout` is how many
        seconds the API may be silent. Raises ValueError for an address that is none, and without a key.
        """
        self.settings = operations.settings(api_key, url, retries=retries, max_wait=max_wait)
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            base_url=self.settings.api, headers=self.settings.headers, timeout=timeout, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections that are kept for further requests."""
        await self._http.aclose()

    async def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        """Any other request of the API, such as `request("GET", "members/")`: its JSON, or None without a body."""
        repeatable = method in {"GET", "HEAD", "PUT"}
        return await self._send(
            Operation(method, path.lstrip("/"), query=query or {}, body=body, repeatable=repeatable)
        )

    async def connections(self, **filters: Unpack[ConnectionFilters]) -> AsyncIterator[Connection]:
        """All connections that match, page by page."""
        following: Operation | None = operations.connections(filters)
        while following is not None:
            page = await self._send(following)
            for found in page["results"]:
                yield found
            following = operations.page_after(following, page)

    async def connection(self, connection: str) -> Connection:
        """One connection, by its ID."""
        return cast(Connection, await self._send(operations.connection(connection)))

    async def disconnect(self, connection: str) -> Disconnected:
        """Disconnect it, and revoke its access at the service where that is possible."""
        return cast(Disconnected, await self._send(operations.disconnect(connection)))

    async def credentials(self, connection: str, **need: Unpack[TokenNeed]) -> Token | KeyMaterial:
        """A fresh access token, or what the connection's API key adds to requests."""
        return cast(Token | KeyMaterial, await self._send(operations.token(connection, need)))

    async def token(self, connection: str, **need: Unpack[TokenNeed]) -> Token:
        """A fresh access token, valid for at least `min_ttl` seconds if the service allows that (`min_ttl_met`).

        Raises NoTokenError if the connection has an API key, and ApiError with the code `reauthorization_required`,
        `missing_scopes`, or with `strict` `min_ttl_not_met`.
        """
        found = await self.credentials(connection, **need)
        if "access_token" not in found:
            raise NoTokenError("This connection has an API key; credentials() returns what it adds to requests")
        return cast(Token, found)

    async def tokens(self, connections: Sequence[str], **need: Unpack[TokenNeed]) -> list[TokenItem]:
        """The tokens of up to 50 connections, each with its own outcome."""
        return cast(list[TokenItem], (await self._send(operations.tokens(connections, need)))["results"])

    async def check(self, connection: str) -> CheckResult:
        """Make a real call that verifies the connection."""
        return cast(CheckResult, await self._send(operations.check(connection)))

    async def checks(self, connections: Sequence[str]) -> list[CheckItem]:
        """The same for up to 50 connections, each with its own outcome."""
        return cast(list[CheckItem], (await self._send(operations.checks(connections)))["results"])

    async def preflight(self, needs: Sequence[PreflightNeed | str]) -> Preflight:
        """Whether a workflow's connections (IDs, or with scopes and a duration in seconds) are usable."""
        return cast(Preflight, await self._send(operations.preflight(needs)))

    async def create_connect_session(self, **session: Unpack[NewConnectSession]) -> ConnectLink:
        """A one-time link (`url`) for one member, who connects a service or repairs a connection."""
        return cast(ConnectLink, await self._send(operations.create_connect_session(session)))

    async def connect_session(self, session: str) -> ConnectSession:
        """The state of a session."""
        return cast(ConnectSession, await self._send(operations.connect_session(session)))

    async def cancel_connect_session(self, session: str) -> ConnectSession:
        """Cancel a session whose link was not used."""
        return cast(ConnectSession, await self._send(operations.cancel_connect_session(session)))

    async def wait_for_connect_session(
        self, session: str, *, timeout: float = 600, interval: float = 2
    ) -> ConnectSession:
        """The session once it is no longer pending, whatever its outcome; asked for every `interval` seconds.

        Raises SessionPendingError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while (found := await self.connect_session(session))["status"] == "pending":
            if time.monotonic() + interval > deadline:
                raise SessionPendingError(f"The connect session is still pending after {timeout:g} seconds")
            await asyncio.sleep(interval)
        return found

    async def create_browser_token(self, **token: Unpack[NewBrowserToken]) -> BrowserToken:
        """A short-lived token for a page, which must not have the API key; it has at most the key's scopes."""
        return cast(BrowserToken, await self._send(operations.create_browser_token(token)))

    async def usage(self, *, days: int = 30) -> TeamUsage:
        """The calls of the last days (1 to 365) through the connections that the key can see, and its limits."""
        return cast(TeamUsage, await self._send(operations.usage(days)))

    async def members(self) -> AsyncIterator[Member]:
        """The team's members, page by page. For keys with the scope `members:read`."""
        following: Operation | None = operations.members()
        while following is not None:
            page = await self._send(following)
            for found in page["results"]:
                yield found
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
        """What `AsyncProxyTransport` needs, where `http_client` is not enough (an own transport, certificates)."""
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
    ) -> httpx.AsyncClient:
        """An httpx client whose requests go through the proxy. `base_url` is the service's, as its SDK uses it.

        Without it, addresses are relative to the API's base URL. `hosts` maps names of further hosts to their URLs.
        Failures of Specway are raised as ApiError; responses are the service's own. Close it after use.
        """
        target = self.proxy_target(connection, base_url=base_url, hosts=hosts, options=options)
        return httpx.AsyncClient(base_url=target.base_url, transport=AsyncProxyTransport(target), timeout=self._timeout)

    async def _send(self, operation: Operation) -> Any:
        headers = operation.headers()
        for tries in range(self.settings.retries + 1):
            try:
                response = await self._http.request(
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
            await asyncio.sleep(wait)
        raise error_of(response.status_code, response.headers, response.content)
