"""Reminders 30, 7 and 1 days before keys, grants and API keys end: one mail a run to each person, each item once."""

import logging
from collections import defaultdict
from datetime import date
from functools import partial

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from apps.connections.services.attention_mail import recipients_of
from apps.connections.services.expiring import REMINDERS, Expiring, everything_expiring
from apps.notifications.mail import Mail, send
from apps.notifications.models import ExpiryMail, Frequency
from apps.notifications.preferences import preferences_of
from apps.sql import Now
from apps.teams.models import ApiKey, Role, User

logger = logging.getLogger(__name__)


def send_expiry_mails(*, today: date) -> int:
    """Send the reminders that are due. Returns the number of mails sent."""
    pending: dict[User, list[tuple[Expiring, int]]] = defaultdict(list)
    for item in everything_expiring(today=today, days=max(REMINDERS)):
        reached = min((days for days in REMINDERS if item.days_left(today) <= days), default=None)
        if reached is None or item.days_left(today) < 0:
            continue
        for user in _recipients(item):
            pending[user].append((item, reached))
    preferences = preferences_of(pending)
    return sum(
        _remind(user, items, today) for user, items in pending.items() if preferences[user.pk].expiry != Frequency.OFF
    )


def _recipients(item: Expiring) -> list[User]:
    if item.connection is not None:
        return recipients_of(item.connection)
    key = item.api_key
    if key is None:
        return []
    people = User.objects.filter(is_active=True, memberships__team=key.team_id)
    if key.kind == ApiKey.Kind.PERSONAL:
        return [user for user in people if user.pk == key.user_id]
    return list(people.filter(memberships__role__in=(Role.OWNER, Role.ADMIN), memberships__team=key.team_id).distinct())


def _remind(user: User, items: list[tuple[Expiring, int]], today: date) -> int:
    """One mail about the items that the person was not reminded of at this or a later threshold."""
    due, rows = [], []
    with transaction.atomic():
        for item, days in items:
            known = ExpiryMail.objects.filter(user=user, item=item.id, ends_on=item.ends_on, days__lte=days)
            if known.exists():
                continue
            row, is_new = ExpiryMail.objects.get_or_create(
                user=user, item=item.id, ends_on=item.ends_on, days=days, defaults={"sent_at": Now()}
            )
            due += [item] if is_new else []
            rows += [row.pk] if is_new else []
    if not due:
        return 0
    try:
        return send(partial(_mail, due, today), to=[user.email])
    except OSError as error:  # smtplib's exceptions too
        ExpiryMail.objects.filter(pk__in=rows).delete()
        logger.warning("reminder not sent user=%s error=%s", user.pk, type(error).__name__)
        return 0


def _mail(items: list[Expiring], today: date) -> Mail:
    first = min(items, key=lambda item: item.ends_on)
    subject = _ends(first, today)
    advice = gettext("Replace it before then, and nothing that uses it stops.")
    if len(items) > 1:
        words = {"n": len(items), "when": _when(first, today)}
        subject = gettext("%(n)s credentials end soon, the first %(when)s") % words
        advice = gettext("Replace them before then, and nothing that uses them stops.")
    return Mail(
        subject=subject,
        title=subject,
        paragraphs=(advice,),
        action=gettext("Open Expiring soon"),
        url=settings.PUBLIC_URL + reverse("connections:expiring"),
        why=gettext("You get this because you can replace them. Change this in Account → Notifications."),
        items_title=gettext("What ends"),
        items=tuple(f"{_ends(item, today)}. {item.consequence}" for item in items),
    )


def _ends(item: Expiring, today: date) -> str:
    words = {"kind": item.label, "name": item.name, "service": item.service, "when": _when(item, today)}
    return gettext("%(kind)s %(name)s (%(service)s) ends %(when)s") % words


def _when(item: Expiring, today: date) -> str:
    left = item.days_left(today)
    near = {0: gettext("today"), 1: gettext("tomorrow")}
    when = near.get(left) or ngettext("in %(n)s day", "in %(n)s days", left) % {"n": left}
    return f"{when} ({date_format(item.ends_on, 'DATE_FORMAT')})"
