"""How often the API may be called: a number of calls a minute for each key or member, counted in the cache.

A cache may forget, and may be gone: then calls go on uncounted, with a line in the log. What a caller has left stands
in `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers); a refused one gets
`Retry-After` (RFC 9110).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.teams.call_counter import CallCounter
from apps.teams.origin import client_address

logger = logging.getLogger(__name__)

WINDOW = 60
_tally = CallCounter()


@dataclass(frozen=True)
class Standing:
    """How a caller stands under one limit: `name` of the policy, calls a minute, those left, seconds to the next."""

    name: str
    quota: int
    used: int
    reset: int

    @property
    def left(self) -> int:
        return max(self.quota - self.used, 0)

    @property
    def is_over(self) -> bool:
        return self.used > self.quota


class CallsPerMinute(BaseThrottle):
    """The limit of a key or a member. A view says with `rate` which policy is meant: "default" or a stricter one."""

    def allow_request(self, request: Request, view: Any) -> bool:
        who = _caller(request)
        name: str = getattr(view, "rate", "default")
        quota = settings.API_RATES[name]
        if who is None or not quota:
            return True
        standing = count(name, who, quota)
        if standing is None:
            return True
        http: Any = request._request
        http.rate_limit = self._standing = standing
        return not standing.is_over

    def wait(self) -> float:
        return self._standing.reset


class RateLimitHeaders:
    """Middleware: tells each caller of the API what is left. A view of its own need not think of it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        standing: Standing | None = getattr(request, "rate_limit", None)
        if standing is not None:
            response["RateLimit-Policy"] = f'"{standing.name}";q={standing.quota};w={WINDOW}'
            response["RateLimit"] = f'"{standing.name}";r={standing.left};t={standing.reset}'
        return response


def refuse_guessing(request: HttpRequest) -> None:
    """Raises Throttled where too many wrong keys came from this address lately, before anything is looked up."""
    quota = settings.API_RATES["failed"]
    who = client_address(request) or "unknown"
    standing = _standing("failed", who, quota, _tally.look) if quota else None
    if standing is not None and standing.used >= standing.quota:
        raise Throttled(wait=standing.reset)


def note_wrong_key(request: HttpRequest) -> None:
    """A key that is not valid came from this address."""
    if quota := settings.API_RATES["failed"]:
        count("failed", client_address(request) or "unknown", quota)


def count(name: str, who: str, quota: int) -> Standing | None:
    """Add to the calls of this minute, of which a hundredth of the quota may be missing for each other process.

    None where the cache does not work: nobody is refused for that.
    """
    return _standing(name, who, quota, lambda key: _tally.add(key, batch=max(1, quota // 100), timeout=2 * WINDOW))


def _standing(name: str, who: str, quota: int, ask: Callable[[str], int]) -> Standing | None:
    now = time.time()
    try:
        used = ask(f"api-rate:{name}:{who}:{int(now // WINDOW)}")
    except ValueError:  # gone between two calls: a cache may forget
        return None
    except Exception as error:  # whatever the cache's client raises
        logger.warning("calls are not counted: the cache failed error=%s", type(error).__name__)
        return None
    return Standing(name=name, quota=quota, used=used, reset=max(1, WINDOW - int(now % WINDOW)))


def _caller(request: Request) -> str | None:
    actor: Any = getattr(request._request, "actor", None)
    if actor is None:
        return None
    return str(actor.api_key.pk if actor.api_key else actor.user.pk)
