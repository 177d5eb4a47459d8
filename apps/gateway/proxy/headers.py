"""Which headers pass to the service and back. Pure."""

import re
from collections.abc import Iterable, Mapping

Headers = list[tuple[str, str]]

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Headers that concern the caller and us: who the caller is, where the call comes from, how the body is framed.
_NOT_FORWARDED = HOP_BY_HOP | {
    "authorization",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "via",
    "x-csrftoken",
    "x-real-ip",
}
_NOT_FORWARDED_PREFIXES = ("x-forwarded-", "specway-")
# Headers that a browser adds on its own, about our pages.
_ADDED_BY_BROWSERS = frozenset({"origin", "referer", "x-requested-with", "dnt", "upgrade-insecure-requests"})
# Response headers that are returned; what is not listed here or below stays here. A response passes proxies, caches and
# browsers in front of us, and must not control them: X-Accel-Redirect makes nginx send a file, Link makes caches push.
_RETURNED = frozenset(
    {
        "accept-patch",
        "accept-post",
        "accept-ranges",
        "allow",
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
        "date",
        "dav",
        "delta-base",
        "deprecation",
        "digest",
        "etag",
        "idempotency-replayed",
        "im",
        "last-modified",
        "location",
        "lock-token",
        "odata-entityid",
        "preference-applied",
        "repr-digest",
        "retry-after",
        "schedule-tag",
        "sunset",
        "tus-checksum-algorithm",
        "tus-extension",
        "tus-max-size",
        "tus-resumable",
        "tus-version",
        "upload-complete",
        "upload-expires",
        "upload-length",
        "upload-metadata",
        "upload-offset",
        "vary",
        "want-content-digest",
        "warning",
        "www-authenticate",
    }
)
# Names that services choose for themselves, by what they report: IDs for support requests, versions, limits, pages.
_REPORTED = re.compile(
    r"(?!(access-control|cdn|cf|clear|cross-origin|edge|hx|proxy|sec|set|specway|surrogate)-)([a-z0-9]+-)*("
    r"request-?id|correlation-?id|trace-?id|version|rate-?limit[a-z-]*|limit-info|retry-after"
    r"|(total|page|per-page|total-pages|next-page)(-count)?|processing-ms|api-result|quota-[a-z-]+|cost)"
)
# X- headers are the service's own, except those that proxies, caches, frameworks and browsers act on.
_X_CONTROL = re.compile(
    r"x-(accel|aspnet|backend|cache|cdn|content-(security|type-options)|dns-prefetch|download-options|drupal|edge|envoy"
    r"|esi|fastcgi|forwarded|frame|fastly|http-method|inertia|lighttpd|litespeed|lscache|magento|middleware|nextjs"
    r"|netlify|nginx|original|permitted-cross|pjax|proxy|purge|real-ip|reproxy|rewrite|robots-tag|sendfile|send-file"
    r"|sourcemap|specway|surrogate|turbo|ua-compatible|up-|url-scheme|varnish|vercel|webkit|xss)"
)
# Of these the first value counts; other repeated headers are lists and may be joined (RFC 9110 5.3).
_SINGLE = frozenset(
    {"content-length", "content-location", "content-type", "date", "etag", "last-modified", "location", "retry-after"}
)
_CACHE_DIRECTIVES = ("must-revalidate", "no-cache", "no-transform")
# These request a part of a response, which may hold a part of a secret (RFC 9110 14.2, RFC 3229). A service may ignore
# them, so a client that sends them also accepts the whole.
PARTIAL_REQUEST_HEADERS = ("range", "if-range", "request-range", "a-im")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PRINTABLE = re.compile(r"[\t -~\x80-\xff]*")
_ACTIVE = re.compile(
    r"(?i)\s*(text/(html|xml|xsl|javascript|css)|application/([\w.+-]*xml|[\w-]*javascript|pdf)|image/svg)"
)


def request_headers(environ: Mapping[str, object], *, from_browser: bool) -> Headers:
    """The caller's headers that are sent to the service, from a WSGI environment."""
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").title(), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
    ]
    hop_by_hop = _connection_options(headers)
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in hop_by_hop and is_forwarded(name.lower(), from_browser=from_browser)
    ]


def is_forwarded(name: str, *, from_browser: bool = False) -> bool:
    """Whether a request header of this name (in lower case) is sent to the service."""
    if name in _NOT_FORWARDED or name.startswith(_NOT_FORWARDED_PREFIXES):
        return False
    return not (from_browser and (name in _ADDED_BY_BROWSERS or name.startswith(("sec-", "hx-"))))


def response_headers(headers: Headers, *, to_browser: bool) -> Headers:
    """The service's headers that the caller gets, plus ours that keep a page of the service from running here."""
    hop_by_hop = _connection_options(headers)
    if value_of(headers, "transfer-encoding"):
        headers = without(headers, "content-length")  # it does not hold for a chunked body (RFC 9112 6.3)
    returned = [
        (name, value)
        for name, value in headers
        if name.lower() not in hop_by_hop
        and is_returned(name.lower())
        and _PRINTABLE.fullmatch(value)
        # A challenge would open the browser's own login dialog under our name.
        and not (to_browser and name.lower() == "www-authenticate")
    ]
    cache_control = [("Cache-Control", _cache_control(joined_values(headers, "cache-control")))]
    return [*_as_attachment(_joined(returned)), *cache_control, *SECURITY_HEADERS.items()]


def is_returned(name: str) -> bool:
    """Whether a response header of this name (in lower case) reaches the caller."""
    if name.startswith("x-"):
        return not _X_CONTROL.match(name)
    return name in _RETURNED or bool(_REPORTED.fullmatch(name))


def _cache_control(given: str) -> str:
    """The response belongs to one caller: no cache may keep it, whatever the service allows (RFC 9111 3.5)."""
    directives = {directive.strip() for directive in given.split(",")}
    return ", ".join(["private", "no-store", *(name for name in _CACHE_DIRECTIVES if name in directives)])


def _joined(headers: Headers) -> Headers:
    """Each header once: lists joined, of others the first value."""
    values: dict[str, tuple[str, list[str]]] = {}
    for name, value in headers:
        _, known = values.setdefault(name.lower(), (name, []))
        if not known or name.lower() not in _SINGLE:
            known.append(value)
    return [(name, ", ".join(known)) for name, known in values.values()]


def _as_attachment(headers: Headers) -> Headers:
    """Make what a browser would execute a download, under the file name that the service gave it."""
    disposition = value_of(headers, "content-disposition")
    others = without(headers, "content-disposition")
    if disposition:
        _, semicolon, parameters = disposition.partition(";")
        return [*others, ("Content-Disposition", f"attachment{semicolon}{parameters}")]
    if _ACTIVE.match(value_of(headers, "content-type")):
        return [*others, ("Content-Disposition", "attachment")]
    return headers


def _connection_options(headers: Iterable[tuple[str, str]]) -> set[str]:
    """Names of headers that are hop-by-hop because Connection lists them (RFC 9110 7.6.1)."""
    values = [value for name, value in headers if name.lower() == "connection"]
    return {name.strip().lower() for value in values for name in value.split(",")} - {"", "close", "keep-alive"}


def value_of(headers: Iterable[tuple[str, str]], name: str) -> str:
    """The first value of a header; "" without one."""
    return next((value for other, value in headers if other.lower() == name.lower()), "")


def joined_values(headers: Iterable[tuple[str, str]], name: str) -> str:
    """The values of a list header joined by commas, in lower case; "" without one."""
    return ", ".join(value.strip().lower() for other, value in headers if other.lower() == name and value.strip())


def without(headers: Headers, *names: str) -> Headers:
    """The headers except those named (in lower case)."""
    return [(name, value) for name, value in headers if name.lower() not in names]
