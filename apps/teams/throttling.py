"""Rate limits of the API: calls per minute and caller, counted in the cache.

If the cache fails, calls are not limited, and a warning is logged. Responses have `RateLimit` and `RateLimit-Policy`
(draft-ietf-httpapi-ratelimit-headers); refused calls also have `Retry-After` (RFC 9110).
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
_counter = CallCounter()


@dataclass(frozen=True)
class RateLimitState:
    """A caller's use of one limit: the policy's name, calls per minute (quota, used), seconds until the reset."""

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
    """The limit per key or member. A view chooses the policy with `rate`; without, it is "default"."""

    def allow_request(self, request: Request, view: Any) -> bool:
        who = _caller(request)
        name: str = getattr(view, "rate", "default")
        quota = settings.API_RATES[name]
        if who is None or not quota:
            return True
        state = count(name, who, quota)
        if state is None:
            return True
        http: Any = request._request
        http.rate_limit = self._state = state
        return not state.is_over

    def wait(self) -> float:
        return self._state.reset


class RateLimitHeaders:
    """Middleware that adds the rate limit headers to responses of the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        state: RateLimitState | None = getattr(request, "rate_limit", None)
        if state is not None:
            response["RateLimit-Policy"] = f'"{state.name}";q={state.quota};w={WINDOW}'
            response["RateLimit"] = f'"{state.name}";r={state.left};t={state.reset}'
        return response


def refuse_guessing(request: HttpRequest) -> None:
    """Raises Throttled if there were too many invalid keys from this address in the last minute."""
    quota = settings.API_RATES["failed"]
    who = client_address(request) or "unknown"
    state = _state("failed", who, quota, _counter.peek) if quota else None
    if state is not None and state.used >= state.quota:
        raise Throttled(wait=state.reset)


def count_invalid_key(request: HttpRequest) -> None:
    """Count an invalid key from this address."""
    if quota := settings.API_RATES["failed"]:
        count("failed", client_address(request) or "unknown", quota)


def count(name: str, who: str, quota: int) -> RateLimitState | None:
    """Count a call in the current minute. The count may lack a hundredth of the quota per other process.

    None if the cache fails; calls are not refused then.
    """
    return _state(name, who, quota, lambda key: _counter.add(key, batch=max(1, quota // 100), timeout=2 * WINDOW))


def _state(name: str, who: str, quota: int, read: Callable[[str], int]) -> RateLimitState | None:
    now = time.time()
    try:
        used = read(f"api-rate:{name}:{who}:{int(now // WINDOW)}")
    except ValueError:  # evicted between two calls
        return None
    except Exception as error:  # any exception of the cache's client
        logger.warning("calls are not counted: the cache failed error=%s", type(error).__name__)
        return None
    return RateLimitState(name=name, quota=quota, used=used, reset=max(1, WINDOW - int(now % WINDOW)))


def _caller(request: Request) -> str | None:
    actor: Any = getattr(request._request, "actor", None)
    if actor is None:
        return None
    return str(actor.api_key.pk if actor.api_key else actor.user.pk)
