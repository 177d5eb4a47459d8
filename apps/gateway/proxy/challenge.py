"""The missing scopes that a service names when it refuses a call (RFC 6750 3). Pure."""

import re

from apps.gateway.proxy.headers import Headers

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


def insufficient_scope(status: int, headers: Headers) -> tuple[str, ...] | None:
    """The missing scopes, as far as they are named; None if missing scopes were not the reason."""
    if status not in (401, 403):
        return None
    for name, value in headers:
        if name.lower() != "www-authenticate" or len(value) > 4_000:
            continue
        parameters = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(value)}
        if parameters.get("error") == "insufficient_scope":
            return tuple(parameters.get("scope", "").split())[:50]
    return None
