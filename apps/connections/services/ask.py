"""Asking the people who can repair a connection to do so: a mail and a notice, once a day."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.audit.services import record
from apps.connections.errors import MailedLately
from apps.connections.messages import reason_of
from apps.connections.models import Connection, RepairRequest, Status
from apps.connections.policy.access import may_manage
from apps.connections.services.attention_mail import recipients_of
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
    return Asked(people, _mailed(connection, user, text, people), _link(connection))


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


def _mailed(connection: Connection, user: User, text: str, people: list[User]) -> bool:
    service = connection.integration.name
    reason = reason_of(connection)
    mail = Mail(
        subject=f"{user} asks you to repair {connection.name} ({service})",
        title=f"{user} asks you to repair {connection.name}",
        paragraphs=(f"“{text}”", reason) if text else (reason,),
        action="Open the connection",
        url=_link(connection),
        why="You get this because you own or manage the connection.",
    )
    try:
        return send(mail, to=[person.email for person in people]) > 0
    except OSError as error:  # smtplib's exceptions too
        logger.warning("request to repair not mailed connection=%s error=%s", connection.pk, type(error).__name__)
        return False
