"""Mail about connections that need attention, to their owners and managers.

One mail when a connection needs attention for ten minutes, one when it works again. Those who get more than three in a
day, and those who prefer it, get a daily digest instead. What was mailed is recorded, so each mail is sent once; a mail
that the mail server does not take is sent in the next run.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext

from apps.connections.messages import reason_of
from apps.connections.models import Connection, ConnectionShare, Level, Status
from apps.connections.services.status import TRANSIENT_REASONS
from apps.connections.services.usage import workflows_of
from apps.notifications.mail import Mail, send
from apps.notifications.models import AttentionMail, Frequency
from apps.notifications.notices import NewNotice, notify
from apps.notifications.preferences import preferences_of
from apps.sql import Now
from apps.teams.models import Membership, User

logger = logging.getLogger(__name__)

DELAY = timedelta(minutes=10)
DAY = timedelta(days=1)
KEPT_FOR = timedelta(days=90)
# More mails than these in a day become a digest.
MAX_AT_ONCE = 3
# The number of connections listed in a digest.
LISTED = 20


def send_attention_mails() -> int:
    """Send what is due: problems, recoveries and digests. Returns the number of mails sent."""
    sent = _send_problems() + _send_recoveries()
    AttentionMail.objects.filter(sent_at__lt=Now() - KEPT_FOR).delete()
    return sent


def _send_problems() -> int:
    failing = Connection.objects.filter(status=Status.NEEDS_ATTENTION, status_changed_at__lt=Now() - DELAY)
    # Nothing that the owner could do: the maintainers of the OAuth app are mailed, or it is retried.
    failing = failing.exclude(status_reason__in=TRANSIENT_REASONS).select_related("integration", "owner", "team")
    # A connection whose reason changed meanwhile is not mailed again before it has recovered.
    mailed = set(AttentionMail.objects.filter(recovered_at=None).values_list("user", "connection_id"))
    pending: dict[User, list[Connection]] = defaultdict(list)
    for connection in failing.order_by("status_changed_at", "pk"):
        if not connection.is_shared and (connection.owner_id, connection.pk) in mailed:
            continue
        people = recipients_of(connection)
        notify(people, partial(_problem_notice, connection), team_id=connection.team_id)
        for user in people:
            if (user.pk, connection.pk) not in mailed:
                pending[user].append(connection)
    preferences = preferences_of(pending)
    return sum(
        _send_problems_to(user, connections, Frequency(preferences[user.pk].attention))
        for user, connections in pending.items()
    )


def _problem_notice(connection: Connection) -> NewNotice:
    service = connection.integration
    return NewNotice(
        key=f"attention:{connection.pk}:{connection.status_changed_at.isoformat()}",
        title=gettext("%(name)s needs attention") % {"name": connection.name},
        text=reason_of(connection),
        path=reverse("connections:connection", args=[connection.pk]),
        service=service.name,
        icon=service.icon,
    )


def _recovery_notice(connection: Connection, since: datetime) -> NewNotice:
    service = connection.integration
    return NewNotice(
        key=f"recovered:{connection.pk}:{since.isoformat()}",
        title=gettext("%(name)s works again") % {"name": connection.name},
        text=gettext("It needed attention since %(time)s.") % {"time": _utc(since)},
        path=reverse("connections:connection", args=[connection.pk]),
        service=service.name,
        icon=service.icon,
    )


def recipients_of(connection: Connection) -> list[User]:
    """The owner and, of a shared connection, the members who manage it by name. Only active members of the team."""
    people = {connection.owner_id}
    if connection.is_shared:
        managers = ConnectionShare.objects.filter(connection=connection, level=Level.MANAGE, user__isnull=False)
        people |= set(managers.values_list("user", flat=True))
    members = Membership.objects.filter(team=connection.team_id, user__in=people, user__is_active=True)
    return [member.user for member in members.select_related("user").order_by("user__email")]


def _send_problems_to(user: User, connections: list[Connection], frequency: Frequency) -> int:
    if frequency == Frequency.OFF:
        return 0
    recent = list(AttentionMail.objects.filter(user=user, sent_at__gt=Now() - DAY).values_list("in_digest", flat=True))
    if any(recent):
        return 0  # they wait for the next digest
    if frequency == Frequency.AT_ONCE and len(recent) + len(connections) <= MAX_AT_ONCE:
        return sum(_send_problem(user, [one], partial(_problem, one), in_digest=False) for one in connections)
    return _send_problem(user, connections, partial(_digest, connections), in_digest=True)


def _send_problem(user: User, connections: list[Connection], mail: Callable[[], Mail], *, in_digest: bool) -> int:
    rows = []
    with transaction.atomic():
        for connection in connections:
            row, is_new = AttentionMail.objects.get_or_create(
                user=user,
                connection_id=connection.pk,
                since=connection.status_changed_at,
                defaults={"sent_at": Now(), "in_digest": in_digest},
            )
            rows += [row.pk] if is_new else []
        if len(rows) < len(connections):
            transaction.set_rollback(True)  # another process is sending some of them
            return 0
    return _sent(mail, user, undo=AttentionMail.objects.filter(pk__in=rows).delete)


def _send_recoveries() -> int:
    """Mail those who were mailed about a connection that works again."""
    open_ones = AttentionMail.objects.filter(recovered_at=None).select_related("user").order_by("sent_at", "pk")
    rows = list(open_ones)
    found = {row.connection_id for row in rows}
    working = Connection.objects.filter(pk__in=found, status=Status.ACTIVE).select_related("integration", "team")
    by_id = {connection.pk: connection for connection in working}
    pending: dict[User, dict[UUID, list[AttentionMail]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.connection_id in by_id:
            pending[row.user][row.connection_id].append(row)
    preferences = preferences_of(pending)
    return sum(
        _send_recoveries_to(user, {by_id[pk]: mails for pk, mails in items.items()}, preferences[user.pk].recovery)
        for user, items in pending.items()
    )


def _send_recoveries_to(user: User, recovered: dict[Connection, list[AttentionMail]], frequency: str) -> int:
    for connection, rows in recovered.items():
        notify([user], partial(_recovery_notice, connection, rows[0].since), team_id=connection.team_id)
    recent = AttentionMail.objects.filter(user=user, recovered_at__gt=Now() - DAY)
    if frequency == Frequency.DIGEST and recent.exists():
        return 0
    if frequency == Frequency.AT_ONCE and len(recovered) <= MAX_AT_ONCE:
        return sum(_send_recovery(user, rows, partial(_recovery, one)) for one, rows in recovered.items())
    rows = [row for rows in recovered.values() for row in rows]
    return _send_recovery(user, rows, None if frequency == Frequency.OFF else partial(_recoveries, list(recovered)))


def _send_recovery(user: User, rows: list[AttentionMail], mail: Callable[[], Mail] | None) -> int:
    """Record that the recovery was mailed, and send the mail, if any."""
    recovered = AttentionMail.objects.filter(pk__in=[row.pk for row in rows])
    with transaction.atomic():
        if recovered.filter(recovered_at=None).update(recovered_at=Now()) < len(rows):
            transaction.set_rollback(True)  # another process is sending some of them
            return 0
    return 0 if mail is None else _sent(mail, user, undo=lambda: recovered.update(recovered_at=None))


def _sent(mail: Callable[[], Mail], user: User, *, undo: Callable[[], Any]) -> int:
    try:
        return send(mail, to=[user.email])
    except OSError as error:  # smtplib's exceptions too
        undo()
        logger.warning("mail not sent user=%s error=%s", user.pk, type(error).__name__)
        return 0


def _problem(connection: Connection) -> Mail:
    names = {"name": connection.name, "service": connection.integration.name}
    fails = gettext("Workflows of %(team)s that use it fail since %(time)s.")
    workflows = workflows_of([connection])
    return Mail(
        subject=gettext("%(name)s (%(service)s) needs attention") % names,
        title=gettext("%(name)s needs attention") % names,
        paragraphs=(
            reason_of(connection),
            fails % {"team": connection.team, "time": _utc(connection.status_changed_at)},
        ),
        action=gettext("Open the connection"),
        url=_page_of(connection),
        why=_why(gettext("You get this because you own or manage the connection.")),
        items_title=gettext("Workflows that use it") if workflows else "",
        items=_listed(workflow.name or workflow.id for workflow in workflows),
    )


def _digest(connections: list[Connection]) -> Mail:
    if len(connections) == 1:
        return _problem(connections[0])
    several = {"n": len(connections)}
    item = gettext("%(name)s (%(service)s), since %(time)s: %(reason)s")
    return Mail(
        subject=gettext("%(n)s connections need attention") % several,
        title=gettext("%(n)s connections need attention") % several,
        paragraphs=(gettext("Workflows that use them fail until they are repaired."),),
        action=gettext("Open your connections"),
        url=settings.PUBLIC_URL + reverse("connections:list"),
        why=_why(gettext("You get this because you own or manage these connections.")),
        items_title=gettext("Since when, and why"),
        items=_listed(
            item
            % {
                "name": one.name,
                "service": one.integration.name,
                "time": _utc(one.status_changed_at),
                "reason": reason_of(one),
            }
            for one in connections
        ),
    )


def _recovery(connection: Connection) -> Mail:
    names = {"name": connection.name, "service": connection.integration.name}
    usable = gettext("Workflows of %(team)s can use it. There is nothing left to do.")
    return Mail(
        subject=gettext("%(name)s (%(service)s) works again") % names,
        title=gettext("%(name)s works again") % names,
        paragraphs=(usable % {"team": connection.team},),
        action=gettext("Open the connection"),
        url=_page_of(connection),
        why=_why(gettext("You get this because an earlier mail said that the connection needs attention.")),
    )


def _recoveries(connections: list[Connection]) -> Mail:
    if len(connections) == 1:
        return _recovery(connections[0])
    several = {"n": len(connections)}
    return Mail(
        subject=gettext("%(n)s connections work again") % several,
        title=gettext("%(n)s connections work again") % several,
        paragraphs=(gettext("There is nothing left to do."),),
        action=gettext("Open your connections"),
        url=settings.PUBLIC_URL + reverse("connections:list"),
        why=_why(gettext("You get this because an earlier mail said that these connections need attention.")),
        items_title=gettext("Connections"),
        items=_listed(f"{one.name} ({one.integration.name})" for one in connections),
    )


def _listed(texts: Iterable[str]) -> tuple[str, ...]:
    items = list(texts)
    further = len(items) - LISTED
    return (*items[:LISTED], gettext("and %(n)s more") % {"n": further}) if further > 0 else tuple(items)


def _page_of(connection: Connection) -> str:
    return f"{settings.PUBLIC_URL}{reverse('connections:connection', args=[connection.pk])}"


def _why(reason: str) -> str:
    return gettext("%(reason)s Change this in Account → Notifications.") % {"reason": reason}


def _utc(moment: datetime) -> str:
    return f"{date_format(moment, pgettext('format of a date', 'j F, H:i'))} UTC"
