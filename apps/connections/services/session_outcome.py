"""How a connect session ends: connected, shared or not, or without a connection; with an event for each."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession, Level
from apps.connections.policy.sharing import sharing_of
from apps.connections.services.names import given_names, names_of
from apps.connections.services.share import share_with_everyone, share_with_members
from apps.errors import SpecwayError
from apps.notifications import outbox
from apps.notifications.models import Event
from apps.sql import Now
from apps.teams.actor import member_actor
from apps.teams.models import Membership

_STATUS = ConnectSession.Status
_UNFINISHED = (
    AuthorizationAttempt.Status.PENDING,
    AuthorizationAttempt.Status.UNDECIDED,
    AuthorizationAttempt.Status.CHOOSING,
)
EXPIRED_MESSAGE = gettext_noop("The link was not used within an hour.")
EXPIRED_CODE = "link_expired"
DECLINED_CODES = ("access_declined", "canceled", "declined")


class Outcome(NamedTuple):
    """The status of a session; for one that ended without a connection, a stable code and a message."""

    status: str
    code: str = ""
    detail: str = ""


def outcome_of(session: ConnectSession, *, now: datetime) -> Outcome:
    """The session's outcome at `now`: also expired if its end was not stored yet."""
    if session.status != _STATUS.PENDING:
        return Outcome(session.status, session.error_code, session.error_message or _not_shared(session))
    attempt = session.attempt
    if attempt is None:
        is_over = session.expires_at <= now
    else:
        is_over = attempt.status in _UNFINISHED and attempt.expires_at <= now
    return Outcome(_STATUS.EXPIRED, EXPIRED_CODE, EXPIRED_MESSAGE) if is_over else Outcome(_STATUS.PENDING)


def _not_shared(session: ConnectSession) -> str:
    if session.status != _STATUS.CONNECTED_PERSONAL:
        return ""
    return gettext_noop("%(member)s did not share the connection. It is personal.") % {"member": session.member}


def overdue() -> Q:
    """Pending sessions whose link or authorization attempt has expired."""
    unused = Q(attempt=None, expires_at__lte=Now())
    unfinished = Q(attempt__status__in=_UNFINISHED, attempt__expires_at__lte=Now())
    return Q(status=_STATUS.PENDING) & (unused | unfinished)


def complete_sessions(
    sessions: QuerySet[ConnectSession], connection: Connection, *, connected_already: bool, origin: Origin
) -> None:
    """The sessions resulted in `connection`, which is shared where the member agreed. In the caller's transaction.

    `connected_already`: the grant was stored in a connection that existed.
    """
    for session in sessions.filter(status=_STATUS.PENDING).select_related("integration"):
        if given := given_names(session):
            Connection.objects.filter(pk=connection.pk).update(**given)
        if session.sharing_level and session.sharing_accepted:
            _share(session, connection, origin=origin)
        status = _STATUS.CONNECTED if _is_shared_as_requested(session, connection) else _STATUS.CONNECTED_PERSONAL
        values = {"status": status, "connection": connection, "ended_at": Now(), "error_code": "", "error_message": ""}
        ConnectSession.objects.filter(pk=session.pk).update(**values)
        details = {"connection": str(connection.pk), "connected_already": connected_already}
        _emit(Event.SESSION_CONNECTED, session, status=status.value, **details)


def _share(session: ConnectSession, connection: Connection, *, origin: Origin) -> None:
    members = Membership.objects.select_related("team", "user")
    member = members.filter(team=session.team_id, user=session.member_id).first()
    if member is None:
        return
    try:
        actor = member_actor(member, origin=origin)
        level = Level(session.sharing_level)
        if session.sharing_members:
            share_with_members(actor=actor, connection=connection, members=_sharing_members(session), level=level)
        else:
            share_with_everyone(actor=actor, connection=connection, level=level)
    except SpecwayError:
        return  # the member may no longer share it, so it stays as it is


def _is_shared_as_requested(session: ConnectSession, connection: Connection) -> bool:
    if not session.sharing_level:
        return True
    connection.refresh_from_db(fields=["is_shared"])
    sharing, level = sharing_of(connection), Level(session.sharing_level)
    if not session.sharing_members:
        return sharing.gives(None, level)
    members = [user_id for user_id in _sharing_members(session) if user_id != connection.owner_id]
    return all(sharing.gives(user_id, level) for user_id in members)


def _sharing_members(session: ConnectSession) -> list[UUID]:
    """Those of the session's members who are still in the team."""
    of_team = Membership.objects.filter(team=session.team_id, user__in=session.sharing_members)
    return list(of_team.values_list("user", flat=True))


def end_sessions(sessions: QuerySet[ConnectSession], status: str, *, code: str, detail: str) -> int:
    """End the pending sessions without a connection, in the caller's transaction. The number that were pending."""
    ended = 0
    for session in sessions.filter(status=_STATUS.PENDING).select_related("integration"):
        pending = ConnectSession.objects.filter(pk=session.pk, status=_STATUS.PENDING)
        if pending.update(status=status, error_code=code[:60], error_message=detail[:500], ended_at=Now()):
            _emit(Event.SESSION_FAILED, session, status=str(status), code=code)
            ended += 1
    return ended


def fail_sessions(sessions: QuerySet[ConnectSession], *, code: str, detail: str) -> None:
    """The sessions failed, or the person declined. In the caller's transaction."""
    status = _STATUS.DECLINED if code in DECLINED_CODES else _STATUS.FAILED
    end_sessions(sessions, status, code=code, detail=detail)


def expire_sessions() -> int:
    """End the sessions whose link was not used in time. The number ended."""
    with transaction.atomic():
        unused = ConnectSession.objects.filter(attempt=None, expires_at__lte=Now())
        return end_sessions(unused, _STATUS.EXPIRED, code=EXPIRED_CODE, detail=EXPIRED_MESSAGE)


def _emit(event: str, session: ConnectSession, **details: Any) -> None:
    data = {
        "connect_session": str(session.pk),
        "team": str(session.team_id),
        "integration": session.integration.slug,
        "member": str(session.member_id),
        **names_of(session),
        **details,
    }
    outbox.enqueue_webhook(event, team_id=session.team_id, data=data)
