"""Tells those who keep an OAuth app (operators, or a team's owners and admins) what its connections depend on them for.

What there is to tell is read from the rows, and what was told is noted there: a mail is sent once, whoever looks how
often, and one that could not be sent is sent at the next look.
"""

import logging
from collections.abc import Callable
from datetime import date
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.secret_expiry import ENDED, in_words, threshold
from apps.notifications.mail import Mail, operators, owners_and_admins, send

logger = logging.getLogger(__name__)

# So many connections are named; the rest are counted.
NAMED = 20


def alert_maintainers(*, today: date) -> int:
    """Send what is to be told now; the number of events that were told."""
    return _tell_of_refusals() + _tell_of_recoveries() + _tell_of_ending_secrets(today)


def _tell_of_refusals() -> int:
    news = _all().filter(broken_since__isnull=False, notified_broken_since=None)
    return sum(
        _once(app, {"notified_broken_since": None}, {"notified_broken_since": app.broken_since}, _refused)
        for app in news
    )


def _tell_of_recoveries() -> int:
    news = _all().filter(broken_since=None, notified_broken_since__isnull=False)
    untold: dict[str, Any] = {"notified_broken_since": None}
    return sum(_once(app, {"notified_broken_since": app.notified_broken_since}, untold, _recovered) for app in news)


def _tell_of_ending_secrets(today: date) -> int:
    told = 0
    for app in _all().filter(secret_expires_on__isnull=False):
        reached = threshold(app.secret_expires_on, today=today) if app.secret_expires_on else None
        known = app.notified_expiry_days if app.notified_expiry_on == app.secret_expires_on else None
        if reached is None or (known is not None and known <= reached):
            continue
        before = {"notified_expiry_on": app.notified_expiry_on, "notified_expiry_days": app.notified_expiry_days}
        after = {"notified_expiry_on": app.secret_expires_on, "notified_expiry_days": reached}
        told += _once(app, before, after, lambda app: _ending(app, today))
    return told


def _all() -> QuerySet[OAuthApp]:
    return OAuthApp.objects.select_related("integration", "team").order_by("pk")


def _once(app: OAuthApp, before: dict[str, Any], after: dict[str, Any], mail: Callable[[OAuthApp], Mail]) -> int:
    """Send the mail if nobody else did: the note on the row moves from `before` to `after`, and back if it fails."""
    row = OAuthApp.objects.filter(pk=app.pk)
    if not row.filter(**before).update(**after):
        return 0
    to = owners_and_admins(app.team_id) if app.team_id else operators()
    try:
        send(mail(app), to=to)
    except OSError as error:  # smtplib's exceptions too
        row.filter(**after).update(**before)
        logger.warning("not told: the mail server failed oauth_app=%s error=%s", app.pk, type(error).__name__)
        return 0
    logger.info("told oauth_app=%s recipients=%d", app.pk, len(to))
    return 1


def _refused(app: OAuthApp) -> Mail:
    name, count = app.integration.name, _stake(app).count()
    return _mail(
        app,
        subject=f"{name} refuses the OAuth app: {_connections(count)} cannot be refreshed",
        title=f"{name} refuses {_whose(app)}",
        paragraphs=(
            f"It answered “{app.broken_code}”: the client ID or secret is wrong, or the app was switched off there.",
            "Connections go on working until their access ends. Nobody is asked to reconnect, which would not help.",
        ),
        action="Open the OAuth app",
    )


def _recovered(app: OAuthApp) -> Mail:
    name = app.integration.name
    return _mail(
        app,
        subject=f"{name} accepts the OAuth app again",
        title=f"{name} accepts {_whose(app)} again",
        paragraphs=("Its connections are refreshed again by themselves. There is nothing left to do.",),
        action="Open the OAuth app",
    )


def _ending(app: OAuthApp, today: date) -> Mail:
    name, count = app.integration.name, _stake(app).count()
    when = in_words(app.secret_expires_on, today=today) if app.secret_expires_on else ""
    verb = "" if _has_ended(app, today) else "ends "
    return _mail(
        app,
        subject=f"{name}: the OAuth app’s secret {verb}{when}, {_connections(count)} at stake",
        title=f"The secret of {_whose(app)} at {name} {verb}{when}",
        paragraphs=(
            f"Make a new secret at {name} and enter it here. The client ID stays, so nobody has to reconnect.",
            "Without it, connections stop one after the other as their access ends.",
        ),
        action="Replace the secret",
    )


def _has_ended(app: OAuthApp, today: date) -> bool:
    return app.secret_expires_on is not None and threshold(app.secret_expires_on, today=today) == ENDED


def _mail(app: OAuthApp, *, subject: str, title: str, paragraphs: tuple[str, ...], action: str) -> Mail:
    names = [f"{name} ({team})" for name, team in _stake(app).values_list("name", "team__name")[:NAMED]]
    further = _stake(app).count() - len(names)
    return Mail(
        subject=subject,
        title=title,
        paragraphs=paragraphs,
        action=action,
        url=settings.PUBLIC_URL + _page(app),
        why="You get this because you own or administer the team." if app.team_id else "You get this as an operator.",
        items_title="Connections that depend on it",
        items=(*names, f"and {further} more") if further else tuple(names),
    )


def _page(app: OAuthApp) -> str:
    if app.team_id:
        return reverse("integrations:app", args=[app.integration.slug])
    return reverse("admin:integrations_oauthapp_change", args=[app.pk])


def _stake(app: OAuthApp) -> Any:
    """The connections that depend on the app; the room above knows what they are."""
    return app.connections.exclude(status="disconnecting").order_by("name", "pk")


def _whose(app: OAuthApp) -> str:
    return f"the OAuth app of {app.team}" if app.team else "the OAuth app for every team"


def _connections(count: int) -> str:
    return f"{count} connection{'' if count == 1 else 's'}"
