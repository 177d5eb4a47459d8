"""Authentication of the REST API by API key or browser session, and the scope that a view requires."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_noop
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.sql import PreparedSelect, param
from apps.teams import browser_tokens, keys, known_callers
from apps.teams.actor import Actor, key_holder_actor, service_actor
from apps.teams.errors import KeyLacksScope, WithoutTeam
from apps.teams.models import ApiKey, Membership, Role, User
from apps.teams.origin import of_program, with_usage
from apps.teams.services.logins import record_rejected_key
from apps.teams.throttling import count_invalid_key

if TYPE_CHECKING:
    # rest_framework.views loads the authentication classes while it is imported itself.
    from rest_framework.views import APIView

# `last_used_at` of a key is written at most this often.
LAST_USED_PRECISION = timedelta(minutes=1)
# The same message for every invalid key, so that it does not reveal which keys exist.
_REFUSED = gettext_noop("The API key is not valid: it is unknown, expired or revoked.")
_IN_ADDRESS = gettext_noop(
    "Send the API key as 'Authorization: Bearer …', not in the URL, which is written to logs. Revoke this key."
)


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer spw_<prefix>_<secret>`. Sets `request.actor`; `request.auth` is the ApiKey."""

    def authenticate(self, request: Request) -> tuple[User | None, ApiKey] | None:
        """None without a key. Raises AuthenticationFailed (401) for an invalid key, Throttled (429) for too many."""
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            if any(value.startswith(f"{keys.SCHEME}_") for _, values in request.GET.lists() for value in values):
                raise AuthenticationFailed(_IN_ADDRESS)
            return None
        if text.startswith(browser_tokens.SCHEME):
            return self._by_browser_token(request, text.strip())
        try:
            api_key = _valid_key(text.strip())
            actor = _actor(api_key, request._request)
        except AuthenticationFailed:
            known_callers.forget(keys.parse(text.strip()))
            count_invalid_key(request._request)
            record_rejected_key(request._request, keys.parse(text.strip()))
            raise
        _note_use(api_key)
        known_callers.remember(api_key, actor)
        cast(Any, request._request).actor = actor
        return actor.user, api_key

    def _by_browser_token(self, request: Request, text: str) -> tuple[User | None, ApiKey]:
        """The token's key with its scopes only, for a page of its origin. Raises AuthenticationFailed, Throttled."""
        token = browser_tokens.read(text, now=timezone.now())
        is_from_origin = token is not None and request.META.get("HTTP_ORIGIN", "") == token.origin
        api_key = _keys_with_role(pk=token.key_id).first() if token and is_from_origin else None
        if token is None or api_key is None or not api_key.is_valid_at(timezone.now()):
            count_invalid_key(request._request)
            raise AuthenticationFailed(
                gettext_noop("The browser token is not valid: it has expired, or is for another origin.")
            )
        actor = _actor(api_key, request._request)
        actor = replace(actor, scopes=(actor.scopes or frozenset()) & token.scopes, by_browser_token=True)
        cast(Any, request._request).actor = actor
        return actor.user, api_key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Specway"'


class MemberSessionAuthentication(SessionAuthentication):
    """The web UI's session, with CSRF protection for unsafe methods."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """None if signed out. Raises WithoutTeam (403) for a person without a team."""
        if super().authenticate(request) is None:
            return None
        http: Any = request._request
        if http.actor is None:
            raise WithoutTeam
        http.actor = replace(http.actor, origin=with_usage(http.actor.origin, http))
        return http.user, None


class HasScope(BasePermission):
    """Requires the view's `required_scope`, or the method's scope in `required_scopes`.

    An empty scope allows every key. A browser session has every scope; services check the member's permissions.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False without an actor (401); raises KeyLacksScope (403)."""
        actor: Actor | None = getattr(request._request, "actor", None) if request.successful_authenticator else None
        if actor is None:
            return False
        scope = _required_scope(request, view)
        if scope and not actor.has_scope(scope):
            raise KeyLacksScope(scope)
        return True


def actor_of(request: Request) -> Actor:
    """The authenticated caller. Raises NotAuthenticated (401)."""
    actor: Actor | None = getattr(request._request, "actor", None) if request.successful_authenticator else None
    if actor is None:
        raise NotAuthenticated
    return actor


def _required_scope(request: Request, view: APIView) -> str:
    method = "GET" if request.method == "HEAD" else request.method or ""
    by_method: dict[str, str] = getattr(view, "required_scopes", {})
    scope: str | None = by_method.get(method, getattr(view, "required_scope", None))
    if scope is None and method != "OPTIONS" and hasattr(view, method.lower()):
        # Fail closed: a view without a declared scope is not open to every key.
        raise ImproperlyConfigured(f"{type(view).__name__} declares no required_scope for {method}.")
    return scope or ""


def _valid_key(text: str) -> ApiKey:
    parts, now = keys.parse(text), timezone.now()
    if parts is None:
        raise AuthenticationFailed(_REFUSED)
    api_key = _known_key(parts.prefix)
    secret_hash = api_key.secret_hash if api_key else ""
    if api_key is None:
        api_key = _keys_with_role(former_prefix=parts.prefix, former_until__gt=now).first()
        secret_hash = api_key.former_secret_hash if api_key else ""
    if api_key is None or not keys.matches(parts.secret, secret_hash) or not api_key.is_valid_at(now):
        raise AuthenticationFailed(_REFUSED)
    return api_key


def _keys_with_role(**wanted: Any) -> QuerySet[ApiKey]:
    role = Membership.objects.filter(team=OuterRef("team"), user=OuterRef("user"), user__is_active=True).values("role")
    return ApiKey.objects.select_related("team", "user").annotate(role=Subquery(role)).filter(**wanted)


_KEY = PreparedSelect(lambda: _keys_with_role(prefix=param(ApiKey, "prefix")))


def _known_key(prefix: str) -> ApiKey | None:
    """The key with its team and user, annotated with the user's `role` in the team, in one query."""
    return _KEY.one(prefix=prefix)


def _actor(api_key: ApiKey, request: HttpRequest) -> Actor:
    origin = with_usage(of_program(request), request)
    if api_key.kind == ApiKey.Kind.SERVICE:
        return service_actor(api_key, origin=origin)
    role: str | None = vars(api_key)["role"]  # annotated by `_keys_with_role`
    if role is None:
        raise AuthenticationFailed(_REFUSED)
    return key_holder_actor(api_key, Role(role), origin=origin)


def _note_use(api_key: ApiKey) -> None:
    now = timezone.now()
    before = now - LAST_USED_PRECISION
    if api_key.last_used_at is None or api_key.last_used_at < before:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=before)
        ApiKey.objects.filter(stale, pk=api_key.pk).update(last_used_at=now)
