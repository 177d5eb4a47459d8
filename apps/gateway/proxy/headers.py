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
# Response headers that would act on our origin instead of the service's, or on the connection to us.
_NOT_RETURNED = HOP_BY_HOP | {
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "document-policy",
    "expect-ct",
    "nel",
    "origin-agent-cluster",
    "permissions-policy",
    "public-key-pins",
    "referrer-policy",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie",
    "set-cookie2",
    "sourcemap",
    "speculation-rules",
    "strict-transport-security",
    "timing-allow-origin",
    "x-content-type-options",
    "x-frame-options",
    "x-sourcemap",
    "x-xss-protection",
}
_NOT_RETURNED_PREFIXES = ("access-control-", "cross-origin-", "specway-", "observe-browsing-", "sec-")
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
        and _is_returned(name.lower())
        and _PRINTABLE.fullmatch(value)
        # A challenge would open the browser's own login dialog under our name.
        and not (to_browser and name.lower() == "www-authenticate")
    ]
    return [*_as_attachment(returned), *SECURITY_HEADERS.items()]


def _is_returned(name: str) -> bool:
    return name not in _NOT_RETURNED and not name.startswith(_NOT_RETURNED_PREFIXES)


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
