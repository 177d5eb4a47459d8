"""Authorization attempts as rows: created when a flow starts, consumed once by its callback, settled with a message."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.connections.errors import AttemptError, AttemptExpired, CallbackRejected
from apps.connections.models import AuthorizationAttempt, ConnectSession
from apps.connections.services.session_outcome import fail_sessions
from apps.integrations.models import OAuthApp
from apps.sql import Now
from apps.teams.models import User

LIFETIME = timedelta(minutes=10)
# The `error_code` of an attempt whose OAuth app was changed in between.
CLIENT_CHANGED = "oauth_app_changed"
CANCELED = gettext_noop("The person canceled.")
_STATUS = AuthorizationAttempt.Status
# A person has to act before they expire.
UNFINISHED = (_STATUS.PENDING, _STATUS.UNDECIDED, _STATUS.CHOOSING)


@dataclass(frozen=True)
class AuthorizationRequest:
    """An authorization request of either protocol: `state` identifies its callback, `secret` (the PKCE verifier or the
    request token's secret) stays on the server, `url` is the service's consent page. `attempt_id`: the attempt's ID,
    where the request already contains it."""

    state: str = field(repr=False)
    secret: str | None = field(repr=False)
    url: str = field(repr=False)
    attempt_id: UUID = field(default_factory=uuid4)


def hashed(value: str) -> str:
    """The SHA-256 of a state or session key, in hexadecimal. Both are random, so no salt is needed."""
    return hashlib.sha256(value.encode()).hexdigest()


def consume(
    *, state_hash: str, path: str, user: User | None, session_key: str, team_id: UUID | None, origin: Origin
) -> AuthorizationAttempt:
    """The attempt of a state, consumed by one atomic UPDATE. Its `consumed_at` is the present time.

    Raises CallbackRejected for a state that is unknown, used, another person's, of another login session or received on
    another path; AttemptExpired after ten minutes. A callback of another person does not consume the state.
    """
    attempt = AuthorizationAttempt.objects.filter(state_hash=state_hash).first()
    if attempt is None:
        message = gettext_noop("This response belongs to no connection that was started in Specway.")
        raise reject("unknown_state", message, origin=origin, team_id=team_id)
    if user is None or attempt.user_id != user.pk or attempt.session_hash != hashed(session_key):
        message = gettext_noop(
            "This response belongs to another login. Connect again in the browser in which you are signed in."
        )
        raise reject("foreign_state", message, origin=origin, attempt=attempt, expose=False)
    usable = AuthorizationAttempt.objects.filter(pk=attempt.pk, status=_STATUS.PENDING, consumed_at=None)
    with transaction.atomic():
        consumed = usable.filter(expires_at__gt=Now()).update(status=_STATUS.EXCHANGING, consumed_at=Now())
    if not consumed:
        raise _not_usable(attempt, origin=origin)
    attempt = AuthorizationAttempt.objects.select_related("integration", "oauth_app", "team", "connection").get(
        pk=attempt.pk
    )
    if urlsplit(attempt.redirect_uri).path != path:
        message = gettext_noop(
            "The response arrived at another callback address than the one this connection was started with."
        )
        raise fail(attempt, "wrong_redirect_uri", CallbackRejected(message), origin=origin)
    return attempt


def _not_usable(attempt: AuthorizationAttempt, *, origin: Origin) -> AttemptError:
    current = AuthorizationAttempt.objects.get(pk=attempt.pk)
    if current.status == _STATUS.PENDING:
        message = gettext_noop("This took longer than ten minutes, so nothing was connected. Connect again.")
        return fail(current, "expired", AttemptExpired(message), origin=origin)
    if current.status == _STATUS.CANCELED:
        message = gettext_noop("This was canceled in Specway, so nothing was connected.")
        return reject("canceled_state", message, origin=origin, attempt=current)
    if current.error_code == CLIENT_CHANGED:
        return reject("changed_client", current.error_message, origin=origin, attempt=current)
    message = gettext_noop("This response was used already. If the connection is not in your list, connect again.")
    return reject("replayed_state", message, origin=origin, attempt=current)


def client_changed_message(name: str) -> str:
    """Why a flow at the integration called `name` ended when its OAuth app was changed."""
    return gettext_noop(
        "An admin changed the OAuth app of %(name)s while you were signing in, so nothing was connected. Try again."
    ) % {"name": name}


def fail_open_attempts(oauth_app: OAuthApp) -> None:
    """Fail the attempts that were started for an earlier client of the OAuth app. Their tokens are deleted."""
    message = client_changed_message(oauth_app.integration.name)
    started = AuthorizationAttempt.objects.filter(oauth_app=oauth_app).exclude(client_key=oauth_app.client_key)
    open_ones = started.filter(status__in=UNFINISHED)
    with transaction.atomic():
        attempts = list(open_ones.values_list("pk", flat=True))
        open_ones.filter(pk__in=attempts).update(
            status=_STATUS.FAILED,
            error_code=CLIENT_CHANGED,
            error_message=message,
            code_verifier=None,
            pending_tokens=None,
        )
        fail_sessions(ConnectSession.objects.filter(attempt__in=attempts), code=CLIENT_CHANGED, detail=message)


def reject(
    code: str,
    message: str,
    *,
    origin: Origin,
    team_id: UUID | None = None,
    attempt: AuthorizationAttempt | None = None,
    expose: bool = True,
) -> CallbackRejected:
    """Audit a callback that is not accepted. The error to raise; the attempt itself is unchanged.

    `team_id` is the person's current team, whose audit log gets the event if the callback belongs to no attempt.
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
    return CallbackRejected(message, attempt=attempt if expose else None)


def fail(
    attempt: AuthorizationAttempt, code: str, error: AttemptError, *, origin: Origin, service_message: str = ""
) -> AttemptError:
    """Settle an attempt as failed and audit it. The error to raise. `service_message`: the service's own words."""
    said = {"service_message": service_message} if service_message else {}
    with transaction.atomic():
        AuthorizationAttempt.objects.filter(pk=attempt.pk).update(
            status=_STATUS.FAILED,
            error_code=error.code,
            error_message=error.sentence[:500],
            code_verifier=None,
            pending_tokens=None,
            result=said,
        )
        record(
            action="authorization.failed",
            origin=origin,
            team_id=attempt.team_id,
            target=target_of(attempt),
            outcome="failure",
            code=code,
            **said,
        )
        fail_sessions(ConnectSession.objects.filter(attempt=attempt), code=error.code, detail=error.sentence)
    error.attempt = attempt
    return error


def target_of(attempt: AuthorizationAttempt) -> Target:
    """The attempt as the target of an audit event."""
    return Target(
        type="authorization_attempt",
        id=str(attempt.pk),
        label=attempt.integration.name,
        integration=attempt.integration.slug,
    )
