"""Trips from which nobody came back, or whose question nobody answered: settled, and their grants revoked."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from apps.connections.errors import AttemptExpired
from apps.connections.models import AuthorizationAttempt, ConnectSession
from apps.connections.services import tracing
from apps.connections.services.stale import revoke_unwanted
from apps.connections.services.store_grant import Grant
from apps.vault.errors import UnreadableSecret

_STATUS = AuthorizationAttempt.Status
KEPT_FOR = timedelta(days=1)
SESSIONS_KEPT_FOR = timedelta(days=30)


def expire_attempts() -> int:
    """Settle the attempts whose time is over, and delete those a day old. The number settled.

    What another account's answer brought is revoked at the service before it is forgotten here.
    """
    over = AuthorizationAttempt.objects.filter(expires_at__lt=Now())
    for attempt in over.filter(status=_STATUS.UNDECIDED).select_related("integration", "oauth_app"):
        _give_back(attempt)
    with transaction.atomic():
        settled = over.filter(status__in=(_STATUS.PENDING, _STATUS.EXCHANGING, _STATUS.UNDECIDED)).update(
            status=_STATUS.FAILED,
            error_code=AttemptExpired.code,
            error_message="Nobody came back within ten minutes, so nothing was connected.",
            code_verifier=None,
            pending_tokens=None,
        )
        AuthorizationAttempt.objects.filter(created_at__lt=Now() - KEPT_FOR).delete()
        ConnectSession.objects.filter(created_at__lt=Now() - SESSIONS_KEPT_FOR).delete()
    return settled


def _give_back(attempt: AuthorizationAttempt) -> None:
    if attempt.pending_tokens is None:
        return
    try:
        grant = Grant.from_json(attempt.pending_tokens.reveal())
    except UnreadableSecret:
        return  # nothing that could be revoked; the row itself is settled all the same
    with tracing.traced(tracing.of_attempt(attempt)):
        revoke_unwanted(attempt, grant)
