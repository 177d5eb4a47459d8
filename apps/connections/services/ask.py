"""Asking people to repair, narrow or disconnect a connection of theirs: a mail and a notice, once a day."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone

from apps.audit.services import record
from apps.connections.errors import MailedLately
from apps.connections.messages import reason_of
from apps.connections.models import Connection, RepairRequest, Status
from apps.connections.policy.access import may_manage
from apps.connections.services.attention_mail import recipients_of
from apps.connections.services.least_privilege import names_of, permissions_of_connection, unused_since
from apps.connections.services.status import target_of
from apps.errors import NotAllowed
from apps.notifications.mail import Mail, send
from apps.notifications.notices import NewNotice, notify
from apps.sql import Now
from apps.teams.actor import Actor
from apps.teams.models import User

logger = logging.getLogger(__name__)

INTERVAL = timedelta(days=1)
MAX_MESSAGE = 200


class Question(models.TextChoices):
    """What an admin asks the owner of a connection. The label completes "asks you to …"."""

    NARROW = "narrow", "reconnect with fewer permissions"
    DISCONNECT = "disconnect", "disconnect what nothing uses"


@dataclass(frozen=True)
class Asked:
    """`link` to hand over if no mail was sent."""

    people: list[User]
    was_mailed: bool
    link: str


def asked_at(connection: Connection, user: User) -> datetime | None:
    """When the person last asked, within the last day; None if they may ask."""
    recent = RepairRequest.objects.filter(connection=connection, asked_by=user, asked_at__gt=Now() - INTERVAL)
    return recent.order_by("-asked_at").values_list("asked_at", flat=True).first()


def ask_to_repair(*, actor: Actor, connection: Connection, message: str) -> Asked:
    """Ask the connection's owner, and those who manage it by name.

    Raises NotAllowed if it works or the actor can repair it, and MailedLately if the actor asked within a day.
    """
    user = actor.user
    if user is None or may_manage(actor, connection):
        raise NotAllowed("You manage this connection, so you can repair it yourself.")
    if connection.status != Status.NEEDS_ATTENTION:
        raise NotAllowed(f"{connection.name} works, so there is nothing to repair.")
    text = " ".join(message.split())[:MAX_MESSAGE]
    people = recipients_of(connection)
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=connection.pk)  # two requests at the same time count as one
        if asked_at(connection, user):
            raise MailedLately("You asked within the last day. You can ask again tomorrow.")
        request = RepairRequest.objects.create(connection=connection, asked_by=user, message=text, asked_at=Now())
        record(
            action="connection.repair_asked",
            origin=actor.origin,
            team_id=connection.team_id,
            target=target_of(connection),
        )
        notify(people, _notice(connection, user, text, request), team_id=connection.team_id)
    return Asked(people, _was_sent(connection, _repair_mail(connection, user, text), people), _link(connection))


def ask_owner(*, actor: Actor, connection: Connection, question: Question, days: int) -> Asked:
    """Ask the owner of a connection that an admin would narrow or remove; `days` is how long nothing needed it.

    Raises NotAllowed if the actor does not manage it, owns it, or if there is nothing to ask, and MailedLately if its
    owner was asked the same within a day.
    """
    user, owner = actor.user, connection.owner
    if user is None or not may_manage(actor, connection) or owner == user:
        raise NotAllowed("You can ask the owners of connections that you manage.")
    text = _WORDS[question](connection, days)
    if not text:
        raise NotAllowed(f"{connection.name} was used or narrowed since this page was opened. Nothing was asked.")
    notice = _question(connection, user, question, text)
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=connection.pk)  # two requests at the same time count as one
        if not notify([owner], notice, team_id=connection.team_id):
            raise MailedLately(f"{owner} was asked today. You can ask again tomorrow.")
        record(
            action="connection.owner_asked",
            origin=actor.origin,
            team_id=connection.team_id,
            target=target_of(connection),
            question=str(question),
        )
    mail = _question_mail(connection, notice, question)
    return Asked([owner], _was_sent(connection, mail, [owner]), mail.url)


def _question(connection: Connection, user: User, question: Question, text: str) -> NewNotice:
    return NewNotice(
        key=f"{question}:{connection.pk}:{timezone.now().date()}",
        title=f"{user} asks you to {question.label}: {connection.name}",
        text=text,
        path=reverse(_PAGES[question], args=[connection.pk]),
        service=connection.integration.name,
        icon=connection.integration.icon,
    )


def _question_mail(connection: Connection, notice: NewNotice, question: Question) -> Mail:
    return Mail(
        subject=f"{notice.title} ({connection.integration.name})",
        title=notice.title,
        paragraphs=(notice.text, _KEPT) if question == Question.NARROW else (notice.text,),
        action="Open the connection",
        url=f"{settings.PUBLIC_URL}{notice.path}",
        why="You get this because you own the connection.",
    )


def _unneeded(connection: Connection, days: int) -> str:
    names = names_of(permissions_of_connection(connection, days=days).unneeded)
    return f"No call has needed these permissions for {days} days: {', '.join(names)}." if names else ""


def _unused(connection: Connection, days: int) -> str:
    since = unused_since(connection)
    if since > timezone.now() - timedelta(days=days):
        return ""
    return f"Nothing has used it since {since:%-d %B %Y}. If you no longer need it, disconnect it."


_KEPT = "Reconnecting without them keeps the connection's ID, name, sharing and workflows."
_WORDS: dict[Question, Callable[[Connection, int], str]] = {Question.NARROW: _unneeded, Question.DISCONNECT: _unused}
_PAGES = {Question.NARROW: "connections:permissions", Question.DISCONNECT: "connections:connection"}


def _link(connection: Connection) -> str:
    return f"{settings.PUBLIC_URL}{reverse('connections:connection', args=[connection.pk])}"


def _notice(connection: Connection, user: User, text: str, request: RepairRequest) -> NewNotice:
    return NewNotice(
        key=f"ask:{request.pk}",
        title=f"{user} asks you to repair {connection.name}",
        text=f"“{text}”" if text else reason_of(connection),
        path=reverse("connections:connection", args=[connection.pk]),
        service=connection.integration.name,
        icon=connection.integration.icon,
    )


def _repair_mail(connection: Connection, user: User, text: str) -> Mail:
    reason = reason_of(connection)
    return Mail(
        subject=f"{user} asks you to repair {connection.name} ({connection.integration.name})",
        title=f"{user} asks you to repair {connection.name}",
        paragraphs=(f"“{text}”", reason) if text else (reason,),
        action="Open the connection",
        url=_link(connection),
        why="You get this because you own or manage the connection.",
    )


def _was_sent(connection: Connection, mail: Mail, people: list[User]) -> bool:
    try:
        return send(mail, to=[person.email for person in people]) > 0
    except OSError as error:  # smtplib's exceptions too
        logger.warning("request not mailed connection=%s error=%s", connection.pk, type(error).__name__)
        return False
