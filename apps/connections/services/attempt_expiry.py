"""Authorization attempts that were not completed or decided in time, or interrupted: settled, and revoked."""

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext_noop

from apps.connections.errors import AttemptExpired, AttemptInterrupted
from apps.connections.models import AuthorizationAttempt, ConnectSession
from apps.connections.services import tracing
from apps.connections.services.attempts import UNFINISHED
from apps.connections.services.grant import Grant
from apps.connections.services.session_outcome import end_sessions, expire_sessions, fail_sessions
from apps.connections.services.stale import revoke_unwanted
from apps.sql import Now
from apps.vault.errors import UnreadableSecret

_STATUS = AuthorizationAttempt.Status
KEPT_FOR = timedelta(days=1)
# After the callback: the token request and the requests for account and site, with their deadlines of 20 s each.
EXCHANGE_DEADLINE = timedelta(seconds=60)
SESSIONS_KEPT_FOR = timedelta(days=30)
_TOO_LATE = gettext_noop("The sign-in was not completed within ten minutes, so nothing was connected.")


def expire_attempts() -> int:
    """Settle expired and interrupted attempts and sessions, and delete attempts older than a day. The number settled.

    The grant of an undecided attempt is revoked at the service before it is deleted.
    """
    expired = AuthorizationAttempt.objects.filter(expires_at__lt=Now())
    waiting = expired.filter(status__in=(_STATUS.UNDECIDED, _STATUS.CHOOSING))
    for attempt in waiting.select_related("integration", "oauth_app"):
        _revoke(attempt)
    unsettled = expired.filter(status__in=UNFINISHED)
    expire_sessions()
    with transaction.atomic():
        sessions = ConnectSession.objects.filter(attempt__in=unsettled)
        end_sessions(sessions, ConnectSession.Status.EXPIRED, code=AttemptExpired.code, detail=_TOO_LATE)
        settled = _settle_interrupted() + unsettled.update(
            status=_STATUS.FAILED,
            error_code=AttemptExpired.code,
            error_message=_TOO_LATE,
            code_verifier=None,
            pending_tokens=None,
        )
        AuthorizationAttempt.objects.filter(created_at__lt=Now() - KEPT_FOR).delete()
        ConnectSession.objects.filter(created_at__lt=Now() - SESSIONS_KEPT_FOR).delete()
    return settled


def _settle_interrupted() -> int:
    """Settle the attempts whose process died during the exchange, which ends within EXCHANGE_DEADLINE.

    A process that is still at it finds its attempt settled, and revokes the grant instead of storing it.
    """
    exchanging = AuthorizationAttempt.objects.filter(status=_STATUS.EXCHANGING)
    interrupted = exchanging.filter(consumed_at__lt=Now() - EXCHANGE_DEADLINE).select_related("integration")
    settled = 0
    for attempt in interrupted:
        name = attempt.integration.name
        message = gettext_noop(
            "Specway was interrupted before the connection was saved. %(name)s may list the access as "
            "granted. Connect again."
        ) % {"name": name}
        sessions = ConnectSession.objects.filter(attempt=attempt)
        fail_sessions(sessions, code=AttemptInterrupted.code, detail=message)
        settled += exchanging.filter(pk=attempt.pk).update(
            status=_STATUS.FAILED,
            error_code=AttemptInterrupted.code,
            error_message=message,
            code_verifier=None,
            pending_tokens=None,
        )
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
