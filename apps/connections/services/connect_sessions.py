"""Connect sessions: links with which a program requests that a member connect a service or reconnect a connection.

The link opens a page that requires a login as that member and a click; it never starts an authorization flow by itself.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.connections.errors import ConnectSessionEnded, IntegrationNotSetUp, SessionNotCancelable
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession, Level
from apps.connections.services.attempts import hashed
from apps.connections.services.authorize import own_path
from apps.connections.services.connect_session_mail import mail_link, require_may_mail
from apps.connections.services.session_outcome import complete_sessions, end_sessions, fail_sessions, overdue
from apps.errors import NotAllowed, SpecwayError
from apps.integrations.catalog.entries import entry_of
from apps.integrations.errors import IntegrationMisconfigured, InvalidInput
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.integrations.oauth_apps.offered_scopes import offer_of
from apps.integrations.oauth_apps.services import oauth_app_for, require_offered
from apps.sql import Now
from apps.teams.actor import Actor
from apps.teams.models import Membership, User

LIFETIME = timedelta(hours=1)
_STATUS = ConnectSession.Status
_ATTEMPT = AuthorizationAttempt.Status
_CAN_BE_TRIED_AGAIN = (_STATUS.PENDING, _STATUS.FAILED, _STATUS.DECLINED, _STATUS.EXPIRED)


@dataclass(frozen=True)
class Link:
    """A session with its link, which is returned only once."""

    session: ConnectSession
    url: str = field(repr=False)


@dataclass(frozen=True)
class SessionOptions:
    """What a session requests: scopes; to share at a level, with everyone or members; where to return; an account.

    `names` are the caller's own for the session and its connection, see names.py.
    """

    scopes: Sequence[str] = ()
    sharing_level: Level | None = None
    sharing_members: Sequence[User] = ()
    return_url: str = ""
    login_hint: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)


_DEFAULTS = SessionOptions()


def create_connect_session(
    *,
    actor: Actor,
    integration: Integration,
    member: User | None = None,
    connection: Connection | None = None,
    options: SessionOptions = _DEFAULTS,
    notify: bool = False,
) -> Link:
    """A link for `member` (the caller by default) or, with a `connection` to reconnect, for its owner.

    The caller can see the connection. With `notify` the link is also sent to the member by e-mail. Raises InvalidInput
    (member, scopes, return_url), NotAllowed, IntegrationNotSetUp, IntegrationMisconfigured, MailedLately.
    """
    if actor.team is None:
        raise NotAllowed(gettext_noop("A connect link belongs to a team."))
    person = _member_to_connect(actor, member, connection)
    _require_connectable(actor, integration, options.scopes)
    _check_return_url(options.return_url)
    if notify:
        require_may_mail(actor, person, integration)
    token = secrets.token_urlsafe(32)
    session = ConnectSession(
        team=actor.team,
        member=person,
        integration=integration,
        connection=connection,
        repairs=connection is not None,
        scopes=list(options.scopes),
        **_sharing_columns(person, options),
        return_url=options.return_url,
        login_hint=options.login_hint[:200],
        token_hash=hashed(token),
        **options.names,
    )
    _store_session(session, actor)
    url = settings.PUBLIC_URL + reverse("connections:connect_link", args=[token])
    if notify:
        mail_link(session, url)
    return Link(session, url)


def _sharing_columns(person: User, options: SessionOptions) -> dict[str, Any]:
    if person in options.sharing_members:
        message = gettext_noop("%(person)s will own the connection, so that it cannot be shared with them.") % {
            "person": person
        }
        raise InvalidInput([("sharing.members", message)])
    members = list(dict.fromkeys(str(user.pk) for user in options.sharing_members))
    return {"sharing_level": options.sharing_level or "", "sharing_members": members}


def _store_session(session: ConnectSession, actor: Actor) -> None:
    session.asked_by_kind, session.asked_by_id = actor.origin.kind, actor.origin.id
    session.asked_by_label = actor.origin.label[:200]
    session.created_at, session.expires_at = Now(), Now() + LIFETIME
    with transaction.atomic():
        session.save(force_insert=True)
        repairs = str(session.connection_id) if session.repairs else ""
        _record("connect_session.created", actor, session, member=str(session.member_id), repairs=repairs)
    session.refresh_from_db()


def sessions_of(actor: Actor) -> QuerySet[ConnectSession]:
    """The sessions that the actor created or is the member of; for owners and admins, all of the team."""
    of_team = ConnectSession.objects.filter(team=actor.team).select_related(
        "integration", "attempt", "connection", "member"
    )
    if actor.is_admin:
        return of_team
    mine = Q(asked_by_kind=actor.origin.kind, asked_by_id=actor.origin.id)
    return of_team.filter(mine | Q(member=actor.user)) if actor.user and not actor.is_service else of_team.filter(mine)


def with_status(sessions: QuerySet[ConnectSession], status: str) -> QuerySet[ConnectSession]:
    """The sessions with this status now: those that are past their end are expired, not pending."""
    if status == _STATUS.EXPIRED:
        return sessions.filter(Q(status=status) | overdue())
    return (
        sessions.exclude(overdue()).filter(status=status)
        if status == _STATUS.PENDING
        else sessions.filter(status=status)
    )


def session_of_link(token: str) -> ConnectSession | None:
    """The session of a link's token, for any visitor."""
    sessions = ConnectSession.objects.select_related("team", "member", "integration", "connection", "attempt")
    return sessions.filter(token_hash=hashed(token)).first()


def consume(*, actor: Actor, session: ConnectSession, shares: bool | None = None) -> None:
    """Use the link, by one atomic UPDATE. `shares`: the member's answer where the session requests sharing.

    Raises ConnectSessionEnded if it was used, has expired or was canceled.
    """
    with transaction.atomic():
        if session.repairs and session.connection is None:
            raise nothing_to_repair()
        _use(actor, session, sharing_accepted=shares if session.sharing_level else None)
        _record("connect_session.used", actor, session)


def _use(actor: Actor, session: ConnectSession, **values: bool | None) -> None:
    unused = ConnectSession.objects.filter(pk=session.pk, member=actor.user, team=actor.team, used_at=None)
    if not unused.filter(status=_STATUS.PENDING, expires_at__gt=Now()).update(used_at=Now(), **values):
        raise ConnectSessionEnded(
            gettext_noop("This link was used already, or is older than an hour. Request a new one.")
        )


def decline(*, actor: Actor, session: ConnectSession) -> None:
    """The member declines on the link's page. Raises ConnectSessionEnded."""
    with transaction.atomic():
        _use(actor, session)
        _record("connect_session.declined", actor, session)
        fail_sessions(_only(session), code="declined", detail=gettext_noop("The person declined."))


def cancel_session(*, actor: Actor, session: ConnectSession) -> None:
    """End a session before its member finishes; a callback that still arrives is rejected. Repeating it does nothing.

    Raises ConnectSessionEnded if the session has ended otherwise, or is just being completed.
    """
    with transaction.atomic():
        attempts = AuthorizationAttempt.objects.select_for_update()
        attempt = attempts.filter(pk=session.attempt_id).first() if session.attempt_id else None
        if attempt is not None and attempt.status not in (_ATTEMPT.PENDING, _ATTEMPT.FAILED, _ATTEMPT.CANCELED):
            _require_not_ended(session, gettext_noop("is being completed"))
        canceled = end_sessions(
            _only(session), _STATUS.CANCELED, code="canceled", detail=gettext_noop("It was canceled.")
        )
        if not canceled:
            _require_not_ended(session, gettext_noop("has ended already"))
            return
        if attempt is not None and attempt.status == _ATTEMPT.PENDING:
            AuthorizationAttempt.objects.filter(pk=attempt.pk).update(status=_ATTEMPT.CANCELED, code_verifier=None)
        _record("connect_session.canceled", actor, session)


def _require_not_ended(session: ConnectSession, state: str) -> None:
    session.refresh_from_db(fields=["status"])
    if session.status != _STATUS.CANCELED:
        raise SessionNotCancelable(
            gettext_noop("This connect session %(state)s, so it cannot be canceled.") % {"state": state}
        )


def failed(session: ConnectSession, error: SpecwayError) -> None:
    """The authorization flow could not be started."""
    with transaction.atomic():
        fail_sessions(_only(session), code=error.code, detail=error.sentence)


def _only(session: ConnectSession) -> QuerySet[ConnectSession]:
    return ConnectSession.objects.filter(pk=session.pk)


def nothing_to_repair() -> ConnectSessionEnded:
    """The error for a link to reconnect a connection that was disconnected."""
    return ConnectSessionEnded(gettext_noop("The connection was disconnected meanwhile, so it cannot be reconnected."))


def reopen(session: ConnectSession) -> None:
    """Allow the member to use the same link again until it expires, since nothing was connected."""
    ConnectSession.objects.filter(pk=session.pk, status=_STATUS.PENDING, attempt=None).update(used_at=None)


def connected(session: ConnectSession, connection: Connection, *, origin: Origin) -> None:
    """The member entered a key, so the session is complete without an authorization flow."""
    with transaction.atomic():
        complete_sessions(_only(session), connection, connected_already=session.repairs, origin=origin)


def began(session: ConnectSession, attempt: AuthorizationAttempt) -> None:
    """The session's authorization flow was started: its state is from now on that of the attempt."""
    ConnectSession.objects.filter(pk=session.pk).update(attempt=attempt)


def follow(before: AuthorizationAttempt, after: AuthorizationAttempt) -> None:
    """Another attempt replaced `before`: its session, unless it was completed or canceled, waits for `after`."""
    open_ones = ConnectSession.objects.filter(attempt=before, status__in=_CAN_BE_TRIED_AGAIN)
    pending = {"status": _STATUS.PENDING, "error_code": "", "error_message": "", "ended_at": None}
    open_ones.update(attempt=after, **pending)


def session_of_attempt(attempt: AuthorizationAttempt) -> ConnectSession | None:
    """The session that started the attempt, if one did."""
    return ConnectSession.objects.filter(attempt=attempt).select_related("integration", "attempt", "connection").first()


def _member_to_connect(actor: Actor, member: User | None, connection: Connection | None) -> User:
    if connection is not None:
        if member is not None and member != connection.owner:
            raise InvalidInput(
                [("member", gettext_noop("Only the owner of the connection can reconnect it. Leave this out."))]
            )
        return connection.owner
    person = member or actor.user
    if person is None or not Membership.objects.filter(team=actor.team, user=person, user__is_active=True).exists():
        raise InvalidInput([("member", gettext_noop("Enter the ID of a member of the team."))])
    if person != actor.user and not (actor.is_admin or actor.is_service):
        raise NotAllowed(
            gettext_noop("Only owners, admins and service keys can request a connection from other members.")
        )
    return person


def _require_connectable(actor: Actor, integration: Integration, scopes: Sequence[str]) -> None:
    if integration.kind in KINDS_WITH_KEY:
        if scopes:
            message = gettext_noop("%(service)s is connected with a key, which has no scopes to request.") % {
                "service": integration.name
            }
            raise InvalidInput([("scopes", message)])
        return
    oauth_app, entry = oauth_app_for(actor.team, integration), entry_of(integration)
    if oauth_app is None or entry is None:
        raise IntegrationNotSetUp(
            gettext_noop("%(service)s is not set up yet: an operator adds the OAuth app.")
            % {"service": integration.name}
        )
    if oauth_app.broken_since is not None:
        raise IntegrationMisconfigured(
            gettext_noop("%(service)s rejects the OAuth app. Its operator has to correct it first.")
            % {"service": integration.name}
        )
    if message := offer_of(entry, oauth_app).refusal(scopes):
        raise InvalidInput([("scopes", message)])
    require_offered(oauth_app, scopes)


def _check_return_url(url: str) -> None:
    """Raises InvalidInput unless it is a path of this site, or a URL at an origin that the operator allows."""
    if url and not url.isprintable():
        raise InvalidInput(
            [("return_url", gettext_noop("The URL contains a line break or another control character."))]
        )
    if not url or own_path(url):
        return
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        origin = ""
    if origin not in settings.CONNECT_RETURN_ORIGINS or any(one in url for one in "\\\r\n\t") or len(url) > 500:
        message = gettext_noop("Enter a path of Specway, or a URL at one of the origins in CONNECT_RETURN_ORIGINS.")
        raise InvalidInput([("return_url", message)])


def _record(action: str, actor: Actor, session: ConnectSession, **detail: str) -> None:
    integration = session.integration
    target = Target("connect_session", str(session.pk), integration.name, integration.slug)
    record(action=action, origin=actor.origin, team_id=session.team_id, target=target, **detail)
