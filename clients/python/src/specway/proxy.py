"""Calls through the proxy as transports of httpx: a vendor's SDK runs as usual, and Specway adds the credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from specway.errors import ApiError, ForeignAddressError, error_of

ERROR = "Specway-Error"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class CallOptions:
    """Options of calls through the proxy; None leaves the default.

    `scopes` must have been granted. `retries`: 0 to 3. `retry_on`: statuses. `follow_redirects`: 0 to 5. `timeout`:
    seconds for which the service may be idle. `workflow` and `run` are IDs for the audit log.
    """

    scopes: tuple[str, ...] = ()
    retries: int | None = None
    retry_on: tuple[int, ...] | None = None
    follow_redirects: int | None = None
    timeout: int | None = None
    workflow: str = ""
    run: str = ""

    def headers(self) -> dict[str, str]:
        """The request headers that express them."""
        values = {
            "Specway-Scopes": " ".join(self.scopes),
            "Specway-Retries": self.retries,
            "Specway-Retry-On": None if self.retry_on is None else ",".join(map(str, self.retry_on)),
            "Specway-Follow-Redirects": self.follow_redirects,
            "Specway-Timeout": self.timeout,
            "Specway-Workflow": self.workflow,
            "Specway-Run": self.run,
        }
        return {name: str(value) for name, value in values.items() if value not in (None, "")}


@dataclass(frozen=True)
class ProxyTarget:
    """Which addresses of a service are called through which proxy.

    `base_url` is the service's, as its SDK uses it; `hosts` maps the names of further hosts to their base URLs.
    """

    proxy_url: str
    base_url: str
    api_key: str = field(repr=False)
    hosts: Mapping[str, str] = field(default_factory=dict)
    options: CallOptions = field(default_factory=CallOptions)

    def url(self, requested: str) -> str:
        """The proxy's address for an address at the service; addresses of this proxy stay as they are.

        Raises ForeignAddressError for any other, and for paths with dot segments: they would leave the proxy.
        """
        parts = urlsplit(requested)
        path = unquote(parts.path).replace("\\", "/")
        if any(segment in {".", ".."} for segment in path.split("/")):
            raise ForeignAddressError(f"The path of a request to {parts.hostname} contains dot segments")
        bases = {self.proxy_url: "", self.base_url: ""} | {url: f"@{name}/" for name, url in self.hosts.items()}
        for base, prefix in bases.items():
            rest = _rest(urlsplit(base), parts)
            if rest is not None:
                return self.proxy_url + prefix + rest + (f"?{parts.query}" if parts.query else "")
        raise ForeignAddressError(f"{parts.hostname} with this path is not below {self.base_url}; it was not called")

    def headers(self) -> dict[str, str]:
        """The headers that replace the SDK's: its own credentials are not sent."""
        return {"Authorization": f"Bearer {self.api_key}", **self.options.headers()}

    def request(self, request: httpx.Request) -> httpx.Request:
        """The request to send to the proxy, with the same stream."""
        mine = self.headers()
        dropped = {"host", *(name.lower() for name in mine)}
        kept = [(name, value) for name, value in request.headers.multi_items() if name not in dropped]
        url = httpx.URL(self.url(str(request.url)))
        headers = [("Host", url.netloc.decode("ascii")), *kept, *mine.items()]
        return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)


class ProxyTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=…)`. Bodies are streamed in both directions. Raises ApiError if Specway fails."""

    def __init__(self, target: ProxyTarget, transport: httpx.BaseTransport | None = None) -> None:
        self._target, self._transport = target, transport or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._transport.handle_request(self._target.request(request))
        if ERROR in response.headers:
            response.read()
            response.close()
            raise _error(response)
        return response

    def close(self) -> None:
        self._transport.close()


class AsyncProxyTransport(httpx.AsyncBaseTransport):
    """The same for `httpx.AsyncClient(transport=…)`."""

    def __init__(self, target: ProxyTarget, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._target, self._transport = target, transport or httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(self._target.request(request))
        if ERROR in response.headers:
            await response.aread()
            await response.aclose()
            raise _error(response)
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def _error(response: httpx.Response) -> ApiError:
    return error_of(response.status_code, response.headers, response.content)


def _rest(base: SplitResult, parts: SplitResult) -> str | None:
    """The path below the base URL without its first slash; None if the address is not below it."""
    if _origin(base) != _origin(parts):
        return None
    above = base.path.rstrip("/") + "/"
    path = parts.path or "/"
    if path + "/" == above:
        return ""
    return path[len(above) :] if path.startswith(above) else None


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
