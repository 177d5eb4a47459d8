"""Asking people to repair, narrow or disconnect a connection of theirs: a mail and a notice, once a day."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

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

    NARROW = "narrow", _("reconnect with fewer permissions")
    DISCONNECT = "disconnect", _("disconnect what nothing uses")


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
        raise NotAllowed(gettext("You manage this connection, so you can repair it yourself."))
    if connection.status != Status.NEEDS_ATTENTION:
        raise NotAllowed(gettext("%(name)s works, so there is nothing to repair.") % {"name": connection.name})
    text = " ".join(message.split())[:MAX_MESSAGE]
    people = recipients_of(connection)
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=connection.pk)  # two requests at the same time count as one
        if asked_at(connection, user):
            raise MailedLately(gettext("You asked within the last day. You can ask again tomorrow."))
        request = RepairRequest.objects.create(connection=connection, asked_by=user, message=text, asked_at=Now())
        record(
            action="connection.repair_asked",
            origin=actor.origin,
            team_id=connection.team_id,
            target=target_of(connection),
        )
        notify(people, partial(_notice, connection, user, text, request), team_id=connection.team_id)
    return Asked(
        people, _was_sent(connection, partial(_repair_mail, connection, user, text), people), _link(connection)
    )


def ask_owner(*, actor: Actor, connection: Connection, question: Question, days: int) -> Asked:
    """Ask the owner of a connection that an admin would narrow or remove; `days` is how long nothing needed it.

    Raises NotAllowed if the actor does not manage it, owns it, or if there is nothing to ask, and MailedLately if its
    owner was asked the same within a day.
    """
    user, owner = actor.user, connection.owner
    if user is None or not may_manage(actor, connection) or owner == user:
        raise NotAllowed(gettext("You can ask the owners of connections that you manage."))
    if not _WORDS[question](connection, days):
        changed = gettext("%(name)s was used or narrowed since this page was opened. Nothing was asked.")
        raise NotAllowed(changed % {"name": connection.name})
    notice = partial(_question, connection, user, question, days)
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=connection.pk)  # two requests at the same time count as one
        if not notify([owner], notice, team_id=connection.team_id):
            raise MailedLately(gettext("%(owner)s was asked today. You can ask again tomorrow.") % {"owner": owner})
        record(
            action="connection.owner_asked",
            origin=actor.origin,
            team_id=connection.team_id,
            target=target_of(connection),
            question=str(question),
        )
    mail = partial(_question_mail, connection, notice, question)
    return Asked([owner], _was_sent(connection, mail, [owner]), mail().url)


def _question(connection: Connection, user: User, question: Question, days: int) -> NewNotice:
    title = gettext("%(user)s asks you to %(request)s: %(name)s")
    return NewNotice(
        key=f"{question}:{connection.pk}:{timezone.now().date()}",
        title=title % {"user": user, "request": question.label, "name": connection.name},
        text=_WORDS[question](connection, days),
        path=reverse(_PAGES[question], args=[connection.pk]),
        service=connection.integration.name,
        icon=connection.integration.icon,
    )


def _question_mail(connection: Connection, write: Callable[[], NewNotice], question: Question) -> Mail:
    notice = write()
    return Mail(
        subject=f"{notice.title} ({connection.integration.name})",
        title=notice.title,
        paragraphs=(notice.text, str(_KEPT)) if question == Question.NARROW else (notice.text,),
        action=gettext("Open the connection"),
        url=f"{settings.PUBLIC_URL}{notice.path}",
        why=gettext("You get this because you own the connection."),
    )


def _unneeded(connection: Connection, days: int) -> str:
    names = names_of(permissions_of_connection(connection, days=days).unneeded)
    if not names:
        return ""
    unneeded = gettext("No call has needed these permissions for %(n)s days: %(names)s.")
    return unneeded % {"n": days, "names": ", ".join(names)}


def _unused(connection: Connection, days: int) -> str:
    since = unused_since(connection)
    if since > timezone.now() - timedelta(days=days):
        return ""
    day = date_format(since, pgettext("format of a date", "j F Y"))
    return gettext("Nothing has used it since %(day)s. If you no longer need it, disconnect it.") % {"day": day}


_KEPT = _("Reconnecting without them keeps the connection's ID, name, sharing and workflows.")
_WORDS: dict[Question, Callable[[Connection, int], str]] = {Question.NARROW: _unneeded, Question.DISCONNECT: _unused}
_PAGES = {Question.NARROW: "connections:permissions", Question.DISCONNECT: "connections:connection"}


def _link(connection: Connection) -> str:
    return f"{settings.PUBLIC_URL}{reverse('connections:connection', args=[connection.pk])}"


def _notice(connection: Connection, user: User, text: str, request: RepairRequest) -> NewNotice:
    return NewNotice(
        key=f"ask:{request.pk}",
        title=gettext("%(user)s asks you to repair %(name)s") % {"user": user, "name": connection.name},
        text=f"“{text}”" if text else reason_of(connection),
        path=reverse("connections:connection", args=[connection.pk]),
        service=connection.integration.name,
        icon=connection.integration.icon,
    )


def _repair_mail(connection: Connection, user: User, text: str) -> Mail:
    reason = reason_of(connection)
    names = {"user": user, "name": connection.name, "service": connection.integration.name}
    return Mail(
        subject=gettext("%(user)s asks you to repair %(name)s (%(service)s)") % names,
        title=gettext("%(user)s asks you to repair %(name)s") % {"user": user, "name": connection.name},
        paragraphs=(f"“{text}”", reason) if text else (reason,),
        action=gettext("Open the connection"),
        url=_link(connection),
        why=gettext("You get this because you own or manage the connection."),
    )


def _was_sent(connection: Connection, mail: Callable[[], Mail], people: list[User]) -> bool:
    try:
        return send(mail, to=[person.email for person in people]) > 0
    except OSError as error:  # smtplib's exceptions too
        logger.warning("request not mailed connection=%s error=%s", connection.pk, type(error).__name__)
        return False
