"""The URLs in response headers: absolute, and through the proxy where they belong to the connection's API. Pure."""

from collections.abc import Collection, Sequence
from urllib.parse import urljoin, urlsplit

from apps.connections.errors import InvalidPath
from apps.gateway.proxy import target
from apps.gateway.proxy.headers import Headers

_URL_HEADERS = frozenset({"location", "content-location"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def with_returned_urls(
    headers: Headers, *, request_url: str, routes: Sequence[tuple[str, str]], own_origins: Collection[str]
) -> Headers:
    """The headers with Location and Content-Location made absolute against `request_url` (without its query).

    Otherwise a client would resolve a relative URL against our address and call our own API with its key (RFC 9110
    10.2.2). `routes` are pairs of an API base URL and the path of the proxy that continues it: a URL below the base
    leads back there, so that following it works. URLs at one of `own_origins`, and invalid ones, are removed.
    """
    returned: Headers = []
    for name, value in headers:
        if name.lower() not in _URL_HEADERS:
            returned.append((name, value))
        elif url := _returned_url(value, request_url, routes, own_origins):
            returned.append((name, url))
    return returned


def _returned_url(
    value: str, request_url: str, routes: Sequence[tuple[str, str]], own_origins: Collection[str]
) -> str | None:
    if "\\" in value or not value.isprintable():  # browsers read a backslash as a slash
        return None
    try:
        url = urljoin(request_url, value.strip())
        origin = _origin(url)
        if any(_is_same_site(origin, _origin(own)) for own in own_origins):
            return None
        for base, path in routes:
            if _origin(base) == origin and (proxied := _proxied(url, base, path)):
                return proxied
    except ValueError:
        return None
    scheme, host, _ = origin
    return url if host or scheme not in _DEFAULT_PORTS else None


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port. Raises ValueError for an invalid port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _is_same_site(origin: tuple[str, str, int | None], own: tuple[str, str, int | None]) -> bool:
    """Whether it is our address; http counts as https, since our own redirect leads there."""
    is_default = {origin[2], own[2]} <= set(_DEFAULT_PORTS.values())
    return origin[1] == own[1] and (origin[2] == own[2] or is_default)


def _proxied(url: str, base: str, proxy_path: str) -> str | None:
    """The URL through the proxy; None if it is not below the base URL, or could lead out of the proxy."""
    parts, base_path = urlsplit(url), urlsplit(base).path.rstrip("/")
    if parts.path != base_path and not parts.path.startswith(f"{base_path}/"):
        return None
    path = parts.path.removeprefix(base_path).removeprefix("/")
    try:
        target.require_safe(path, parts.query)
    except InvalidPath:
        return None
    query = f"?{parts.query}" if parts.query else ""
    return f"{proxy_path}{path}{query}{f'#{parts.fragment}' if parts.fragment else ''}"
