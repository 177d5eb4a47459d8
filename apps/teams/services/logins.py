"""Audit events of logins, logouts, passwords, addresses and second factors in django-allauth's flows."""

from dataclasses import replace
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin, Target
from apps.audit.services import first_in_window, record
from apps.teams.keys import KeyText
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import ApiKey, Membership, User
from apps.teams.origin import origin_of


def record_login(request: HttpRequest) -> None:
    """Recorded once, in the log of the person's current team."""
    origin = origin_of(request)
    record(action="login.succeeded", origin=origin, team_id=_current_team(request, request.user), target=_self(origin))


def record_logout(request: HttpRequest) -> None:
    origin = origin_of(request)
    record(action="logout", origin=origin, team_id=_current_team(request, request.user), target=_self(origin))


@transaction.atomic
def record_failed_login(request: HttpRequest, *, email: str, step: str) -> None:
    """Record a failed login at `step`: password or second factor.

    Only a known address is recorded, since people may enter their password in that field.
    """
    user = User.objects.filter(email__iexact=email).first() if email else None
    origin = replace(
        origin_of(request), id=str(user.pk) if user else "", label=str(user) if user else gettext_noop("Unknown person")
    )
    record(
        action="login.failed",
        origin=origin,
        team_id=_current_team(request, user) if user else None,
        target=_self(origin),
        outcome=AuditEvent.Outcome.FAILURE,
        step=step,
    )


def record_new_password(request: HttpRequest, user: AbstractBaseUser) -> None:
    """A change by the signed-in person, or a reset by e-mail."""
    origin = replace(origin_of(request), id=str(user.pk), label=str(user))
    changed = request.user.is_authenticated
    record(
        action="password.changed" if changed else "password.reset",
        origin=origin,
        team_id=_current_team(request, user),
        target=_self(origin),
    )


@transaction.atomic
def record_factor(request: HttpRequest, user: AbstractBaseUser, *, action: str, kind: str) -> None:
    """A second factor (`kind`: totp, recovery_codes) was added or removed, or its codes were regenerated."""
    origin = replace(origin_of(request), id=str(user.pk), label=str(user))
    record(action=action, origin=origin, team_id=_current_team(request, user), target=_self(origin), kind=kind)


@transaction.atomic
def record_email_change(request: HttpRequest, user: User, *, before: str) -> None:
    origin = replace(origin_of(request), id=str(user.pk), label=str(user))
    team_id = _current_team(request, user)
    record(action="email.changed", origin=origin, team_id=team_id, target=_self(origin), before=before)


def record_rejected_key(request: HttpRequest, key: KeyText | None) -> None:
    """An invalid API key. At most one event per minute and address for unknown keys, and for each known prefix."""
    origin = replace(origin_of(request), id="", label=gettext_noop("Unknown caller"))
    api_key = ApiKey.objects.filter(prefix=key.prefix).first() if key else None
    if not first_in_window(f"rejected-key:{origin.ip}:{api_key.pk if api_key else ''}", seconds=60):
        return
    with transaction.atomic():
        record(
            action="api_key.rejected",
            origin=origin,
            team_id=api_key.team_id if api_key else None,
            target=Target("api_key", str(api_key.pk), str(api_key)) if api_key else None,
            outcome=AuditEvent.Outcome.FAILURE,
        )


def _self(origin: Origin) -> Target:
    return Target(type="user", id=origin.id, label=origin.label)


def _current_team(request: HttpRequest, user: object) -> UUID | None:
    """The session's team if the person belongs to it, else the first, as in the middleware."""
    if not isinstance(user, User):
        return None
    chosen = str(request.session.get(SESSION_TEAM, ""))
    teams = list(Membership.objects.filter(user=user).order_by("created_at", "pk").values_list("team_id", flat=True))
    return next((team for team in teams if str(team) == chosen), teams[0] if teams else None)
