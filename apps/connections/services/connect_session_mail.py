"""Connect links by e-mail: how often, and what the mail says."""

import logging
from datetime import timedelta
from functools import partial

from django.utils.translation import gettext

from apps.connections.errors import MailedLately
from apps.connections.models import ConnectSession
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.notifications.mail import Mail, send
from apps.sql import Now
from apps.teams.actor import Actor
from apps.teams.models import User

logger = logging.getLogger(__name__)

BETWEEN_MAILS = timedelta(hours=1)
MAILS_PER_TEAM_AND_HOUR = 100


def require_may_mail(actor: Actor, person: User, integration: Integration) -> None:
    """Raises MailedLately if the person was sent a link for the service lately, or the team has mailed too many."""
    recent = ConnectSession.objects.filter(mailed_at__gt=Now() - BETWEEN_MAILS)
    seconds = int(BETWEEN_MAILS.total_seconds())
    if recent.filter(member=person, integration=integration).exists():
        raise MailedLately(
            gettext("%(person)s was sent such a link within the last hour.") % {"person": person}, retry_after=seconds
        )
    if recent.filter(team=actor.team).count() >= MAILS_PER_TEAM_AND_HOUR:
        sentence = gettext("A team can have %(n)s links mailed per hour. Hand over the link yourself.")
        raise MailedLately(sentence % {"n": MAILS_PER_TEAM_AND_HOUR}, retry_after=seconds)


def mail_link(session: ConnectSession, url: str) -> None:
    """Send the link to the session's member, and note when. If the mail server fails, nothing is noted."""
    try:
        send(partial(_written, session, url), to=[session.member.email])
    except OSError as error:  # smtplib's exceptions too
        logger.warning("not mailed: the mail server failed session=%s error=%s", session.pk, type(error).__name__)
        return
    ConnectSession.objects.filter(pk=session.pk).update(mailed_at=Now())
    session.refresh_from_db(fields=["mailed_at"])


def _written(session: ConnectSession, url: str) -> Mail:
    service = session.integration
    name = session.connection.name if session.connection else service.name
    words = {"name": name, "person": session.asked_by_label, "team": session.team, "service": service.name}
    if session.repairs:
        action, title = gettext("Reconnect %(name)s"), gettext("%(person)s asks you to reconnect %(name)s")
    else:
        action, title = gettext("Connect %(name)s"), gettext("%(person)s asks you to connect %(name)s")
    if service.kind in KINDS_WITH_KEY:
        needed = gettext("A workflow of %(team)s needs it. You enter %(service)s’s key yourself.")
    else:
        needed = gettext("A workflow of %(team)s needs it. You sign in at %(service)s yourself.")
    why = gettext("You get this as a member of %(team)s. If you expected no such request, ignore it.")
    return Mail(
        subject=action % words,
        title=title % words,
        paragraphs=(
            needed % words,
            gettext("The link works only for you, only once, and expires after an hour."),
        ),
        action=action % words,
        url=url,
        why=why % words,
    )
