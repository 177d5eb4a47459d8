"""Rate limits of the API: calls per minute, counted in the cache.

A member's calls in a team count together, by session and by whatever personal keys; those of a service key by key; and
all calls of a team together, so that further keys do not raise the limit.
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
from django.utils.translation import gettext_noop
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.teams.actor import Actor
from apps.teams.call_counter import CallCounter
from apps.teams.errors import TriedTooOften
from apps.teams.origin import client_address

logger = logging.getLogger(__name__)

WINDOW = 60
COUNTED = "counted_call"
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
    """The limits of the caller and of the team. A view chooses the caller's with `rate`; without, it is "default"."""

    def allow_request(self, request: Request, view: Any) -> bool:
        http: Any = request._request
        actor: Actor | None = getattr(http, "actor", None)
        if actor is None or actor.team is None:
            return True
        if COUNTED in vars(http):
            state: RateLimitState | None = vars(http).pop(COUNTED)
        else:
            state = count_call(getattr(view, "rate", "default"), caller_key(actor), str(actor.team.pk))
        if state is None:
            return True
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


def count_call(rate: str, caller: str, team: str) -> RateLimitState | None:
    """Count one call of the caller (by `caller_key`) towards the limit `rate`, and of the team towards the team's.

    The limit with the fewest calls left, relative to its quota; None without a limit, or if the cache fails.
    """
    callers = {rate: caller, "team": team}
    counted = [count(name, who, quota) for name, who in callers.items() if (quota := settings.API_RATES.get(name, 0))]
    return min(filter(None, counted), key=lambda state: (not state.is_over, state.left / state.quota), default=None)


def require_rate(actor: Actor, rate: str = "default", *, calls: int = 1) -> None:
    """Count calls that `CallsPerMinute` does not see: those of pages, and the further ones of a request for several.

    Raises TriedTooOften if one of them is beyond the limit of the caller or of the team.
    """
    for _ in range(calls):
        state = count_call(rate, caller_key(actor), str(actor.team.pk) if actor.team else "")
        if state is not None and state.is_over:
            raise TriedTooOften(
                gettext_noop(
                    "More than %(quota)s requests were sent within one minute. Try again in %(reset)s seconds."
                )
                % {"quota": state.quota, "reset": state.reset},
                retry_after=state.reset,
            )


def note_counted(request: HttpRequest, state: RateLimitState | None) -> None:
    """The request is counted already, so that `CallsPerMinute` does not count it again."""
    vars(request)[COUNTED] = state


def caller_key(actor: Actor) -> str:
    """What a caller's calls are counted by: the member in the team, or the service key."""
    if actor.user is None or actor.is_service:
        return str(actor.api_key.pk) if actor.api_key else ""
    return f"{actor.team.pk if actor.team else ''}:{actor.user.pk}"


def count_invalid_key(request: HttpRequest) -> None:
    """Count an invalid key from this address. Raises Throttled if there are too many in this minute.

    Called after the lookup, so that valid keys of the same address are never refused.
    """
    quota = settings.API_RATES["failed"]
    state = count("failed", client_address(request) or "unknown", quota) if quota else None
    if state is not None and state.is_over:
        raise Throttled(wait=state.reset)


def count(name: str, who: str, quota: int) -> RateLimitState | None:
    """Count a call in the current minute. The count may lack a hundredth of the quota per other process.

    None if the cache fails; calls are not refused then.
    """
    now = time.time()
    key = f"api-rate:{name}:{who}:{int(now // WINDOW)}"
    try:
        used = _counter.add(key, batch=max(1, quota // 100), timeout=2 * WINDOW)
    except ValueError:  # evicted between two calls
        return None
    except Exception as error:  # any exception of the cache's client
        logger.warning("calls are not counted: the cache failed error=%s", type(error).__name__)
        return None
    return RateLimitState(name=name, quota=quota, used=used, reset=max(1, WINDOW - int(now % WINDOW)))
