"""Mails to a team's owners and admins about disabled webhooks. The row records that the mail was sent."""

import logging
from functools import partial

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from apps.notifications.mail import Mail, owners_and_admins, send
from apps.notifications.models import Webhook
from apps.notifications.webhooks import host_of
from apps.sql import Now

logger = logging.getLogger(__name__)


def alert_admins() -> int:
    """Send the outstanding mails; a failed one is sent again in the next run. Returns the number sent."""
    return sum(_alert(webhook) for webhook in Webhook.objects.filter(gave_up_at__isnull=False, notified_at=None))


def _alert(webhook: Webhook) -> int:
    row = Webhook.objects.filter(pk=webhook.pk)
    if not row.filter(gave_up_at__isnull=False, notified_at=None).update(notified_at=Now()):
        return 0
    try:
        send(partial(_mail, webhook), to=owners_and_admins(webhook.team_id))
    except OSError as error:  # smtplib's exceptions too
        row.update(notified_at=None)
        logger.warning("mail not sent webhook=%s error=%s", webhook.pk, type(error).__name__)
        return 0
    return 1


def _mail(webhook: Webhook) -> Mail:
    return Mail(
        subject=gettext("Webhook switched off: %(webhook)s") % {"webhook": webhook.description or host_of(webhook)},
        title=gettext("A webhook was switched off"),
        paragraphs=(
            gettext("%(webhook)s has accepted no events for about a day, so Specway no longer sends events there.")
            % {"webhook": host_of(webhook)},
            gettext("Fix the receiver at that address, send a test event, and switch the webhook on again."),
        ),
        action=gettext("Open the webhook"),
        url=settings.PUBLIC_URL + reverse("notifications:webhook", args=[webhook.pk]),
        why=gettext("You get this because you own or administer the team."),
    )
