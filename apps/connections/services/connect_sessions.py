"""Connect sessions: a program asks a named member, by a link, to connect a service or to repair a connection.

The link opens a page that wants a login as that member and a click; it never starts a trip by itself.
"""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse

from apps.audit.origin import Target
from apps.audit.services import record
from apps.connections.errors import ConnectSessionEnded, IntegrationNotSetUp, MailedLately
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession
from apps.connections.services.attempts import hashed
from apps.connections.services.authorize import own_path
from apps.errors import NotAllowed
from apps.integrations.catalog.entries import entry_of
from apps.integrations.errors import InvalidInput
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.integrations.oauth_apps.offered_scopes import offer_of
from apps.integrations.oauth_apps.services import oauth_app_for, require_offered
from apps.notifications.mail import Mail, send
from apps.teams.actor import Actor
from apps.teams.models import Membership, User

logger = logging.getLogger(__name__)

LIFETIME = timedelta(hours=1)
BETWEEN_MAILS = timedelta(hours=1)
Outcome = Literal["pending", "connected", "failed"]
_ATTEMPT = AuthorizationAttempt.Status


@dataclass(frozen=True)
class Link:
    """A session with its link, which is shown once."""

    session: ConnectSession
    url: str = field(repr=False)


def create_connect_session(
    *,
    actor: Actor,
    integration: Integration,
    member: User | None = None,
    connection: Connection | None = None,
    scopes: Sequence[str] = (),
    return_url: str = "",
    login_hint: str = "",
    notify: bool = False,
) -> Link:
    """A link for `member` (the caller, if none is named) or, with a `connection` to repair, for its owner.

    The caller sees the connection. With `notify` the member gets the link by mail too. Raises InvalidInput (member,
    scopes, return_url), NotAllowed, IntegrationNotSetUp, MailedLately.
    """
    if actor.team is None:
        raise NotAllowed("A link to connect is made within a team.")
    person = _person(actor, member, connection)
    _require_trip(actor, integration, scopes)
    back = _checked_return(return_url)
    if notify:
        _require_patience(person, integration)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        session = ConnectSession.objects.create(
            team=actor.team,
            member=person,
            integration=integration,
            connection=connection,
            repairs=connection is not None,
            asked_by_kind=actor.origin.kind,
            asked_by_id=actor.origin.id,
            asked_by_label=actor.origin.label[:200],
            scopes=list(scopes),
            return_url=back,
            login_hint=login_hint[:200],
            token_hash=hashed(token),
            created_at=Now(),
            expires_at=Now() + LIFETIME,
        )
        _record("connect_session.created", actor, session, member=str(person.pk), repairs=_repaired(session))
    session.refresh_from_db()
    url = settings.PUBLIC_URL + reverse("connections:connect_link", args=[token])
    if notify:
        _mail(session, url)
    return Link(session, url)


def sessions_of(actor: Actor) -> QuerySet[ConnectSession]:
    """Those that the actor made, or is asked by; all of the team's for owners and admins."""
    of_team = ConnectSession.objects.filter(team=actor.team).select_related("integration", "attempt", "connection")
    if actor.is_admin:
        return of_team
    mine = Q(asked_by_kind=actor.origin.kind, asked_by_id=actor.origin.id)
    return of_team.filter(mine | Q(member=actor.user)) if actor.user and not actor.is_service else of_team.filter(mine)


def session_of_link(token: str) -> ConnectSession | None:
    """The session that a link belongs to, whoever opened it."""
    sessions = ConnectSession.objects.select_related("team", "member", "integration", "connection", "attempt")
    return sessions.filter(token_hash=hashed(token)).first()


def consume(*, actor: Actor, session: ConnectSession) -> None:
    """The member clicked: the link is used up, by one atomic UPDATE. Raises ConnectSessionEnded if it was."""
    with transaction.atomic():
        usable = ConnectSession.objects.filter(pk=session.pk, member=actor.user, team=actor.team, used_at=None)
        if session.repairs and session.connection is None:
            raise nothing_to_repair()
        if not usable.filter(expires_at__gt=Now()).update(used_at=Now()):
            raise ConnectSessionEnded("This link was used before, or is older than an hour. Ask for a new one.")
        _record("connect_session.used", actor, session)


def nothing_to_repair() -> ConnectSessionEnded:
    """What a link to repair a connection comes to that is gone."""
    return ConnectSessionEnded("The connection was disconnected meanwhile. There is nothing left to repair.")


def reopen(session: ConnectSession) -> None:
    """Nothing came of a click, and the member may try again by the same link until it ends."""
    ConnectSession.objects.filter(pk=session.pk, connected_at=None, attempt=None).update(used_at=None)


def connected(session: ConnectSession, connection: Connection) -> None:
    """The member entered a key that is stored: there is no trip to learn it from."""
    ConnectSession.objects.filter(pk=session.pk).update(connection=connection, connected_at=Now())


def began(session: ConnectSession, attempt: AuthorizationAttempt) -> None:
    """Its trip is under way: from now on the session stands as the trip does."""
    ConnectSession.objects.filter(pk=session.pk).update(attempt=attempt)


def follow(before: AuthorizationAttempt, after: AuthorizationAttempt) -> None:
    """Another trip took the place of one; a session that waits for it goes along."""
    ConnectSession.objects.filter(attempt=before, connected_at=None).update(attempt=after)


def outcome_of(session: ConnectSession, *, now: datetime) -> tuple[Outcome, str]:
    """How it stands at `now`, and for a failure why, in a sentence."""
    attempt = session.attempt
    if session.connected_at is not None:
        return "connected", ""
    if session.used_at is None:
        is_over = session.expires_at <= now
        return ("failed", "Nobody opened the link within an hour.") if is_over else ("pending", "")
    if attempt is None:
        return "failed", "The service could not be reached, or the authorization was not completed."
    if attempt.status in (_ATTEMPT.FAILED, _ATTEMPT.CANCELED):
        return "failed", attempt.error_message or "The person called it off."
    if attempt.expires_at <= now:
        return "failed", "Nobody came back from the service within ten minutes."
    return "pending", ""


def _person(actor: Actor, member: User | None, connection: Connection | None) -> User:
    if connection is not None:
        if member is not None and member != connection.owner:
            raise InvalidInput([("member", "Only the owner of the connection can repair it: leave this out.")])
        return connection.owner
    person = member or actor.user
    if person is None or not Membership.objects.filter(team=actor.team, user=person, user__is_active=True).exists():
        raise InvalidInput([("member", "Name the member of the team who is to connect.")])
    if person != actor.user and not (actor.is_admin or actor.is_service):
        raise NotAllowed("Only owners, admins and service keys ask other members to connect.")
    return person


def _require_trip(actor: Actor, integration: Integration, scopes: Sequence[str]) -> None:
    if integration.kind in KINDS_WITH_KEY:
        if scopes:
            sentence = f"{integration.name} is connected by entering a key, which is asked for no permissions."
            raise InvalidInput([("scopes", sentence)])
        return
    oauth_app, entry = oauth_app_for(actor.team, integration), entry_of(integration)
    if oauth_app is None or entry is None:
        raise IntegrationNotSetUp(f"{integration.name} is not set up yet: an operator adds the OAuth app.")
    if sentence := offer_of(entry, oauth_app).refusal(scopes):
        raise InvalidInput([("scopes", sentence)])
    require_offered(oauth_app, scopes)


def _checked_return(url: str) -> str:
    """An own path, or an address at an origin that the operator named."""
    if not url or own_path(url):
        return url
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        origin = ""
    if origin not in settings.CONNECT_RETURN_ORIGINS or any(one in url for one in "\\\r\n\t") or len(url) > 500:
        sentence = "Give a path of Specway, or an address at an origin in CONNECT_RETURN_ORIGINS."
        raise InvalidInput([("return_url", sentence)])
    return url


def _require_patience(person: User, integration: Integration) -> None:
    lately = ConnectSession.objects.filter(member=person, integration=integration, mailed_at__gt=Now() - BETWEEN_MAILS)
    if lately.exists():
        seconds = int(BETWEEN_MAILS.total_seconds())
        raise MailedLately(f"{person} got such a mail within the last hour.", retry_after=seconds)


def _mail(session: ConnectSession, url: str) -> None:
    name = session.connection.name if session.connection else session.integration.name
    verb, service = "Reconnect" if session.repairs else "Connect", session.integration
    own = f"You enter {service.name}’s key" if service.kind in KINDS_WITH_KEY else f"You sign in at {service.name}"
    mail = Mail(
        subject=f"{verb} {name}",
        title=f"{session.asked_by_label} asks you to {verb.lower()} {name}",
        paragraphs=(
            f"A workflow of {session.team} needs it. {own} yourself.",
            "The link is for you alone, works once, and ends an hour after it was made.",
        ),
        action=f"{verb} {name}",
        url=url,
        why=f"You get this as a member of {session.team}. If you expected no such request, ignore it.",
    )
    try:
        send(mail, to=[session.member.email])
    except OSError as error:  # smtplib's exceptions too
        logger.warning("not mailed: the mail server failed session=%s error=%s", session.pk, type(error).__name__)
        return
    ConnectSession.objects.filter(pk=session.pk).update(mailed_at=Now())
    session.refresh_from_db(fields=["mailed_at"])


def _repaired(session: ConnectSession) -> str:
    return str(session.connection_id) if session.repairs else ""


def _record(action: str, actor: Actor, session: ConnectSession, **detail: str) -> None:
    integration = session.integration
    target = Target("connect_session", str(session.pk), integration.name, integration.slug)
    record(action=action, origin=actor.origin, team_id=session.team_id, target=target, **detail)
