"""Audit events of the second factor and of a changed e-mail address.

django-allauth's adapters have no hook for these, only signals. Their senders commit separately, so these events have
transactions of their own.
"""

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals
from django.http import HttpRequest

from apps.teams.models import SecondFactorSecret, User
from apps.teams.services.logins import record_email_change, record_factor, record_failed_login


def connect() -> None:
    """Connect the receivers. Called once, when the app is ready."""
    signals.authenticator_added.connect(_added)
    signals.authenticator_removed.connect(_removed)
    signals.authenticator_reset.connect(_reset)
    signals.authentication_failed.connect(_failed)
    account_signals.email_changed.connect(_email_changed)


def _added(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    record_factor(request, user, action="second_factor.on", kind=str(authenticator.type))


def _removed(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    seeds = [value for name, value in authenticator.data.items() if name in ("secret", "seed")]
    SecondFactorSecret.objects.filter(pk__in=seeds).delete()
    record_factor(request, user, action="second_factor.off", kind=str(authenticator.type))


def _reset(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    record_factor(request, user, action="second_factor.renewed", kind=str(authenticator.type))


def _failed(request: HttpRequest, user: User, **_: Any) -> None:
    record_failed_login(request, email=user.email, step="second factor")


def _email_changed(request: HttpRequest, user: User, from_email_address: Any, to_email_address: Any, **_: Any) -> None:
    record_email_change(request, user, before=str(from_email_address.email) if from_email_address else "")
