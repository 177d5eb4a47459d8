"""The usual request for a token, read without REST framework's machinery: an API key and at most a minimum lifetime."""

from dataclasses import dataclass, field

from django.http import HttpRequest
from rest_framework.exceptions import ParseError

from apps.audit.origin import Origin
from apps.rest.parsers import parsed
from apps.teams.errors import InvalidHeader
from apps.teams.known_callers import KnownCaller, presented_key
from apps.teams.origin import of_program, with_usage

# What HTTP clients send if their user says nothing; axios sends the last one. Others are left to REST framework.
_ACCEPTED = frozenset({"", "*/*", "application/json", "application/json, text/plain, */*"})
_JSON = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
_LONGEST_BODY = 1000
_LARGEST_MIN_TTL = 86_400


@dataclass(frozen=True, slots=True)
class TokenCall:
    """A request of a known API key, which is not authenticated yet. `origin` does not say who acts."""

    prefix: str
    secret_hash: str = field(repr=False)
    caller: KnownCaller
    origin: Origin
    min_ttl: int


def token_call(request: HttpRequest) -> TokenCall | None:
    """None for a request with anything else in it, and for a key that this process has not authenticated yet."""
    environ = request.META
    if request.method != "POST" or environ.get("QUERY_STRING") or environ.get("HTTP_ACCEPT", "") not in _ACCEPTED:
        return None
    key, min_ttl = presented_key(request), _min_ttl(request)
    if key is None or min_ttl is None:
        return None
    try:
        origin = with_usage(of_program(request), request)
    except InvalidHeader:
        return None
    return TokenCall(key.prefix, key.secret_hash, key.caller, origin, min_ttl)


def _min_ttl(request: HttpRequest) -> int | None:
    """The minimum lifetime (seconds) of the body, 0 without one; None for any other body."""
    environ = request.META
    length = environ.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in environ or not length.isdecimal() or int(length) > _LONGEST_BODY:
        return None
    if length == "0":
        return 0
    if environ.get("CONTENT_TYPE", "").lower() not in _JSON:
        return None
    try:
        data = parsed(request.body)
    except (ParseError, OSError):
        return None
    if not isinstance(data, dict) or data.keys() - {"min_ttl", "strict", "scopes"}:
        return None
    min_ttl = data.get("min_ttl", 0)
    # `strict` makes no difference to a token that lives long enough.
    is_usual = type(min_ttl) is int and type(data.get("strict", False)) is bool and data.get("scopes", []) == []
    return min_ttl if is_usual and 0 <= min_ttl <= _LARGEST_MIN_TTL else None
