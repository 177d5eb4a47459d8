"""Alerts to the maintainers of OAuth apps: operators, or owners and admins of the team.

Pending alerts are derived from the rows, and the row records what was sent: each mail is sent once, and a failed one is
sent again at the next run.
"""

import logging
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.secret_expiry import EXPIRED, relative_date, threshold
from apps.notifications.mail import Mail, operators, owners_and_admins, send

logger = logging.getLogger(__name__)

# The number of connections listed by name.
NAMED = 20


def alert_maintainers(*, today: date) -> int:
    """Send the pending alerts; returns how many events were sent."""
    return _alert_refusals() + _alert_recoveries() + _alert_expiring_secrets(today)


def _alert_refusals() -> int:
    """Also where a changed client is refused again."""
    pending = _all().filter(broken_since__isnull=False).exclude(notified_broken_since=F("broken_since"))
    return sum(
        _once(
            app,
            {"notified_broken_since": app.notified_broken_since},
            {"notified_broken_since": app.broken_since},
            _refused,
        )
        for app in pending
    )


def _alert_recoveries() -> int:
    """Once the service accepted the client: saving another secret says nothing yet."""
    pending = _all().filter(broken_since=None, broken_code="", notified_broken_since__isnull=False)
    not_notified: dict[str, Any] = {"notified_broken_since": None}
    return sum(
        _once(app, {"notified_broken_since": app.notified_broken_since}, not_notified, _recovered) for app in pending
    )


def _alert_expiring_secrets(today: date) -> int:
    sent = 0
    for app in _all().filter(secret_expires_on__isnull=False):
        reached = threshold(app.secret_expires_on, today=today) if app.secret_expires_on else None
        known = app.notified_expiry_days if app.notified_expiry_on == app.secret_expires_on else None
        if reached is None or (known is not None and known <= reached):
            continue
        before = {"notified_expiry_on": app.notified_expiry_on, "notified_expiry_days": app.notified_expiry_days}
        after = {"notified_expiry_on": app.secret_expires_on, "notified_expiry_days": reached}
        sent += _once(app, before, after, lambda app: _expiring(app, today))
    return sent


def _all() -> QuerySet[OAuthApp]:
    return OAuthApp.objects.select_related("integration", "team").order_by("pk")


def _once(app: OAuthApp, before: dict[str, Any], after: dict[str, Any], mail: Callable[[OAuthApp], Mail]) -> int:
    """Send the mail unless another process did: the row changes from `before` to `after`, and back if it fails."""
    row = OAuthApp.objects.filter(pk=app.pk)
    if not row.filter(**before).update(**after):
        return 0
    to = owners_and_admins(app.team_id) if app.team_id else operators()
    try:
        send(partial(mail, app), to=to)
    except OSError as error:  # smtplib's exceptions too
        row.filter(**after).update(**before)
        logger.warning("alert not sent: the mail server failed oauth_app=%s error=%s", app.pk, type(error).__name__)
        return 0
    logger.info("alert sent oauth_app=%s recipients=%d", app.pk, len(to))
    return 1


def _refused(app: OAuthApp) -> Mail:
    name, count = app.integration.name, _dependents(app).count()
    subject = gettext("%(service)s rejects the OAuth app") % {"service": name}
    if count:
        subject = ngettext(
            "%(service)s rejects the OAuth app: %(n)s connection cannot be refreshed",
            "%(service)s rejects the OAuth app: %(n)s connections cannot be refreshed",
            count,
        ) % {"service": name, "n": count}
    answered = gettext("It responded with “%(code)s”: the client ID or secret is wrong, or the app was disabled there.")
    return _mail(
        app,
        subject=subject,
        title=gettext("%(service)s rejects %(app)s") % {"service": name, "app": _label(app)},
        paragraphs=(
            answered % {"code": app.broken_code},
            gettext("Connections keep working until their access tokens expire. Reconnecting them would not help."),
        ),
        action=gettext("Open the OAuth app"),
    )


def _recovered(app: OAuthApp) -> Mail:
    words = {"service": app.integration.name, "app": _label(app)}
    return _mail(
        app,
        subject=gettext("%(service)s accepts the OAuth app again") % words,
        title=gettext("%(service)s accepts %(app)s again") % words,
        paragraphs=(gettext("Its connections are refreshed again automatically. There is nothing left to do."),),
        action=gettext("Open the OAuth app"),
    )


def _expiring(app: OAuthApp, today: date) -> Mail:
    count = _dependents(app).count()
    when = relative_date(app.secret_expires_on, today=today) if app.secret_expires_on else ""
    words = {"service": app.integration.name, "app": _label(app), "when": when, "n": count}
    if _has_expired(app, today):
        title = gettext("The secret of %(app)s at %(service)s %(when)s")
        subject = ngettext(
            "%(service)s: the OAuth app’s secret %(when)s, %(n)s connection affected",
            "%(service)s: the OAuth app’s secret %(when)s, %(n)s connections affected",
            count,
        )
    else:
        title = gettext("The secret of %(app)s at %(service)s expires %(when)s")
        subject = ngettext(
            "%(service)s: the OAuth app’s secret expires %(when)s, %(n)s connection affected",
            "%(service)s: the OAuth app’s secret expires %(when)s, %(n)s connections affected",
            count,
        )
    replace = gettext(
        "Create a new secret at %(service)s and enter it here. The client ID stays, so connections keep working."
    )
    return _mail(
        app,
        subject=subject % words,
        title=title % words,
        paragraphs=(
            replace % words,
            gettext("Without it, connections stop working as their access tokens expire."),
        ),
        action=gettext("Replace the secret"),
    )


def _has_expired(app: OAuthApp, today: date) -> bool:
    return app.secret_expires_on is not None and threshold(app.secret_expires_on, today=today) == EXPIRED


def _mail(app: OAuthApp, *, subject: str, title: str, paragraphs: tuple[str, ...], action: str) -> Mail:
    names = [f"{name} ({team})" for name, team in _dependents(app).values_list("name", "team__name")[:NAMED]]
    further = _dependents(app).count() - len(names)
    return Mail(
        subject=subject,
        title=title,
        paragraphs=paragraphs,
        action=action,
        url=settings.PUBLIC_URL + _page(app),
        why=gettext("You get this because you own or administer the team.")
        if app.team_id
        else gettext("You get this as an operator."),
        items_title=gettext("Connections that depend on it"),
        items=(*names, gettext("and %(n)s more") % {"n": further}) if further else tuple(names),
    )


def _page(app: OAuthApp) -> str:
    if app.team_id:
        return reverse("integrations:app", args=[app.integration.slug])
    return reverse("admin:integrations_oauthapp_change", args=[app.pk])


def _dependents(app: OAuthApp) -> Any:
    """The connections that depend on the app."""
    return app.connections.exclude(status="disconnecting").order_by("name", "pk")


def _label(app: OAuthApp) -> str:
    if app.team:
        return gettext("the OAuth app of %(team)s") % {"team": app.team}
    return gettext("the OAuth app for every team")
