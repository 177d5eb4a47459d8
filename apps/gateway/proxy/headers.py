"""Which headers pass, to the service and back. Pure."""

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
# What is between the caller and us: who they are, where they came from, and how the body is framed.
_OURS = HOP_BY_HOP | {
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
_OUR_BEGINNINGS = ("x-forwarded-", "specway-")
# What a browser adds by itself, about our own pages.
_BROWSERS = frozenset({"origin", "referer", "x-requested-with", "dnt", "upgrade-insecure-requests"})
# What would act on our origin instead of the service's, or on the connection to us.
_KEPT_FROM_BROWSERS = HOP_BY_HOP | {
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
_KEPT_BEGINNINGS = ("access-control-", "cross-origin-", "specway-", "observe-browsing-", "sec-")
# With these a service may be asked for pieces, each of which holds only a part of a secret (RFC 9110 14.2, RFC 3229).
# A service may leave them unheard, so whoever asks so understands the whole.
IN_PIECES = ("range", "if-range", "request-range", "a-im")
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PRINTABLE = re.compile(r"[\t -~\x80-\xff]*")
_ACTIVE = re.compile(
    r"(?i)\s*(text/(html|xml|xsl|javascript|css)|application/([\w.+-]*xml|[\w-]*javascript|pdf)|image/svg)"
)


def to_service(environ: Mapping[str, object], *, by_browser: bool) -> Headers:
    """The caller's headers that the service gets, from a WSGI environment."""
    given = [
        (name.removeprefix("HTTP_").replace("_", "-").title(), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
    ]
    named = _named_by_connection(given)
    return [
        (name, value)
        for name, value in given
        if name.lower() not in named and passes_on(name.lower(), by_browser=by_browser)
    ]


def passes_on(name: str, *, by_browser: bool = False) -> bool:
    """Whether a header of this name (in small letters) is the caller's to send."""
    if name in _OURS or name.startswith(_OUR_BEGINNINGS):
        return False
    return not (by_browser and (name in _BROWSERS or name.startswith(("sec-", "hx-"))))


def to_caller(given: Headers, *, by_browser: bool) -> Headers:
    """The service's headers that the caller gets, and those of ours that keep a page of its from running here."""
    named = _named_by_connection(given)
    kept = [
        (name, value)
        for name, value in given
        if name.lower() not in _KEPT_FROM_BROWSERS
        and name.lower() not in named
        and not name.lower().startswith(_KEPT_BEGINNINGS)
        and _PRINTABLE.fullmatch(value)
        # Its challenge would open the browser's own login window under our name.
        and not (by_browser and name.lower() == "www-authenticate")
    ]
    return [*_as_file(kept), *SAFE.items()]


def _as_file(headers: Headers) -> Headers:
    """Nothing that a browser would run is shown in place: it is a file to store, under the name that it had."""
    disposition = value_of(headers, "content-disposition")
    others = [(name, value) for name, value in headers if name.lower() != "content-disposition"]
    if disposition:
        _, semicolon, parameters = disposition.partition(";")
        return [*others, ("Content-Disposition", f"attachment{semicolon}{parameters}")]
    if _ACTIVE.match(value_of(headers, "content-type")):
        return [*others, ("Content-Disposition", "attachment")]
    return headers


def _named_by_connection(headers: Iterable[tuple[str, str]]) -> set[str]:
    """Headers that are for one hop only because Connection says so (RFC 9110 7.6.1)."""
    values = [value for name, value in headers if name.lower() == "connection"]
    return {name.strip().lower() for value in values for name in value.split(",")} - {"", "close", "keep-alive"}


def value_of(headers: Iterable[tuple[str, str]], name: str) -> str:
    """The first value of a header; "" without."""
    return next((value for given, value in headers if given.lower() == name.lower()), "")


def all_of(headers: Iterable[tuple[str, str]], name: str) -> str:
    """The values of a list's headers as one, in small letters; "" without."""
    return ", ".join(value.strip().lower() for given, value in headers if given.lower() == name and value.strip())


def without(headers: Headers, *names: str) -> Headers:
    """The headers but those named (in small letters)."""
    return [(name, value) for name, value in headers if name.lower() not in names]
