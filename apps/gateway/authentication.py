"""Authentication of proxy calls: the API's rules, applied to a plain Django request whose body stays unread."""

from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils.translation import gettext_noop
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from apps.connections.errors import NotFromHere
from apps.teams.actor import Actor
from apps.teams.authentication import ApiKeyAuthentication, MemberSessionAuthentication, actor_of
from apps.teams.errors import KeyLacksScope
from apps.teams.throttling import COUNTED, CallsPerMinute

SCOPE = "connections:use"
# What was set on the request by Django's middleware and test client, and by `note_counted`, as far as it is read here.
_CONTEXT = ("actor", "path", "path_info", "session", "user", "_dont_enforce_csrf_checks", COUNTED)


def authenticate(request: HttpRequest) -> Actor:
    """The caller: an API key with the scope `connections:use`, or the member of a browser session.

    Sessions need the CSRF token in its header, since the body belongs to the service, and only count for requests that
    a page of ours made. Sets `request.actor` and `request.rate_limit`. Raises NotAuthenticated or AuthenticationFailed
    (401), KeyLacksScope, NotFromHere or PermissionDenied (403) and Throttled (429).
    """
    authenticators = [ApiKeyAuthentication(), MemberSessionAuthentication()]
    drf_request = Request(_without_body(request), authenticators=authenticators)
    actor = actor_of(drf_request)
    if not actor.has_scope(SCOPE):
        raise KeyLacksScope(SCOPE)
    _require_rate(drf_request, request)
    if actor.api_key is None:
        _require_own_page(request)
    return actor


def _without_body(request: HttpRequest) -> HttpRequest:
    """A copy with the same headers: Django's CSRF check would search a form for its token, and so read the body."""
    # Django has already decoded PATH_INFO, and would decode it again.
    copy = WSGIRequest({**request.META, "PATH_INFO": "/", "CONTENT_LENGTH": "0", "wsgi.input": BytesIO()})
    for name in _CONTEXT:
        if hasattr(request, name):
            setattr(copy, name, getattr(request, name))
    return copy


def _require_rate(drf_request: Request, request: Any) -> None:
    throttle = CallsPerMinute()
    is_allowed = throttle.allow_request(drf_request, None)
    # RateLimitHeaders reads it from the request that the middleware got.
    request.rate_limit = getattr(drf_request._request, "rate_limit", None)
    if not is_allowed:
        raise Throttled(wait=throttle.wait())


def _require_own_page(request: HttpRequest) -> None:
    """A browser sends cookies with every link that a person follows, and following one must not make a call."""
    site = request.META.get("HTTP_SEC_FETCH_SITE", "same-origin")
    mode = request.META.get("HTTP_SEC_FETCH_MODE", "cors")
    if site != "same-origin" or mode == "navigate":
        raise NotFromHere(
            gettext_noop("Call services with an API key or from a page of this site, not by opening a URL.")
        )
