"""Authorization attempts as rows: made at the start of a trip, consumed once at its end, settled with words."""

import hashlib
import logging
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.connections.errors import AttemptError, AttemptExpired, CallbackRejected
from apps.connections.models import AuthorizationAttempt
from apps.teams.models import User

logger = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=10)
_STATUS = AuthorizationAttempt.Status


def hashed(value: str) -> str:
    """How states and session keys are stored: SHA-256, hexadecimal. Both are random, so no salt is needed."""
    return hashlib.sha256(value.encode()).hexdigest()


def consume(
    *, state: str, path: str, user: User | None, session_key: str, team_id: UUID | None, origin: Origin
) -> AuthorizationAttempt:
    """The attempt that `state` belongs to, now used up by one atomic UPDATE. Its `consumed_at` is the present time.

    Raises CallbackRejected for a state that is unknown, used before, somebody else's, from another login session or
    answered on another path; AttemptExpired after ten minutes. A foreign answer does not use the state up.
    """
    attempt = AuthorizationAttempt.objects.filter(state_hash=hashed(state)).first()
    if attempt is None:
        sentence = "This answer belongs to no connection that was started here."
        raise reject("unknown_state", sentence, origin=origin, team_id=team_id)
    if user is None or attempt.user_id != user.pk or attempt.session_hash != hashed(session_key):
        sentence = "This answer belongs to another login. Connect again from the browser in which you are signed in."
        raise reject("foreign_state", sentence, origin=origin, attempt=attempt, expose=False)
    usable = AuthorizationAttempt.objects.filter(pk=attempt.pk, status=_STATUS.PENDING, consumed_at=None)
    with transaction.atomic():
        consumed = usable.filter(expires_at__gt=Now()).update(status=_STATUS.EXCHANGING, consumed_at=Now())
    if not consumed:
        raise _why_unusable(attempt, origin=origin)
    attempt = AuthorizationAttempt.objects.select_related("integration", "oauth_app", "team", "connection").get(
        pk=attempt.pk
    )
    if urlsplit(attempt.redirect_uri).path != path:
        sentence = "The answer arrived at another address than the one this connection was started with."
        raise fail(attempt, "wrong_redirect_uri", CallbackRejected(sentence), origin=origin)
    return attempt


def _why_unusable(attempt: AuthorizationAttempt, *, origin: Origin) -> AttemptError:
    current = AuthorizationAttempt.objects.get(pk=attempt.pk)
    if current.status == _STATUS.PENDING:
        sentence = "This took longer than ten minutes, so nothing was connected. Start again; it takes a moment."
        return fail(current, "expired", AttemptExpired(sentence), origin=origin)
    if current.status == _STATUS.CANCELED:
        sentence = "This was canceled in Specway, so nothing was connected."
        return reject("cancelled_state", sentence, origin=origin, attempt=current)
    sentence = "This answer was used before. If the connection is not in your list, connect again."
    return reject("replayed_state", sentence, origin=origin, attempt=current)


def reject(
    code: str,
    sentence: str,
    *,
    origin: Origin,
    team_id: UUID | None = None,
    attempt: AuthorizationAttempt | None = None,
    expose: bool = True,
) -> CallbackRejected:
    """Audit an answer that is not accepted, and give the error to raise. The attempt itself stays as it is.

    `team_id` is the team that the person is in, whose log tells of it where no attempt does.
    """
    with transaction.atomic():
        record(
            action="authorization.rejected",
            origin=origin,
            team_id=attempt.team_id if attempt else team_id,
            target=target_of(attempt) if attempt else None,
            outcome="failure",
            code=code,
        )
    return CallbackRejected(sentence, attempt=attempt if expose else None)


def fail(attempt: AuthorizationAttempt, code: str, error: AttemptError, *, origin: Origin) -> AttemptError:
    """Settle an attempt as failed, for the page that waits, audit it, and give the error to raise."""
    with transaction.atomic():
        AuthorizationAttempt.objects.filter(pk=attempt.pk).update(
            status=_STATUS.FAILED,
            error_code=error.code,
            error_message=error.sentence[:500],
            code_verifier=None,
            pending_tokens=None,
        )
        record(
            action="authorization.failed",
            origin=origin,
            team_id=attempt.team_id,
            target=target_of(attempt),
            outcome="failure",
            code=code,
        )
    error.attempt = attempt
    return error


def target_of(attempt: AuthorizationAttempt) -> Target:
    """The trip as the audit log names it: by its connection where it repairs one."""
    return Target(
        type="authorization_attempt",
        id=str(attempt.pk),
        label=attempt.integration.name,
        integration=attempt.integration.slug,
    )
