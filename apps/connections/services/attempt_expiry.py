"""Authorization attempts without a callback or a decision in time: settled, and their grants revoked."""

from datetime import timedelta

from django.db import transaction

from apps.connections.errors import AttemptExpired
from apps.connections.models import AuthorizationAttempt, ConnectSession
from apps.connections.services import tracing
from apps.connections.services.attempts import fail_sessions
from apps.connections.services.stale import revoke_unwanted
from apps.connections.services.store_grant import Grant
from apps.sql import Now
from apps.vault.errors import UnreadableSecret

_STATUS = AuthorizationAttempt.Status
KEPT_FOR = timedelta(days=1)
SESSIONS_KEPT_FOR = timedelta(days=30)


def expire_attempts() -> int:
    """Settle expired attempts, and delete those older than a day. The number settled.

    The grant of an undecided attempt is revoked at the service before it is deleted.
    """
    expired = AuthorizationAttempt.objects.filter(expires_at__lt=Now())
    for attempt in expired.filter(status=_STATUS.UNDECIDED).select_related("integration", "oauth_app"):
        _revoke(attempt)
    unsettled = expired.filter(status__in=(_STATUS.PENDING, _STATUS.EXCHANGING, _STATUS.UNDECIDED))
    with transaction.atomic():
        fail_sessions(ConnectSession.objects.filter(attempt__in=unsettled), code=AttemptExpired.code)
        settled = unsettled.update(
            status=_STATUS.FAILED,
            error_code=AttemptExpired.code,
            error_message="The sign-in was not completed within ten minutes, so nothing was connected.",
            code_verifier=None,
            pending_tokens=None,
        )
        AuthorizationAttempt.objects.filter(created_at__lt=Now() - KEPT_FOR).delete()
        ConnectSession.objects.filter(created_at__lt=Now() - SESSIONS_KEPT_FOR).delete()
    return settled


def _revoke(attempt: AuthorizationAttempt) -> None:
    if attempt.pending_tokens is None:
        return
    try:
        grant = Grant.from_json(attempt.pending_tokens.reveal())
    except UnreadableSecret:
        return  # it cannot be revoked; the attempt is settled all the same
    with tracing.traced(tracing.of_attempt(attempt)):
        revoke_unwanted(attempt, grant)
