"""Mails a team's owners and admins that a webhook was switched off. What was told is noted on the row."""

import logging

from django.conf import settings
from django.db.models.functions import Now
from django.urls import reverse

from apps.notifications import recipients
from apps.notifications.models import Webhook
from apps.notifications.services import Mail, send
from apps.notifications.webhooks import host_of

logger = logging.getLogger(__name__)


def alert_admins() -> int:
    """Send what is to be told now; a mail that fails is sent at the next look. The number of webhooks told of."""
    return sum(_tell(webhook) for webhook in Webhook.objects.filter(gave_up_at__isnull=False, notified_at=None))


def _tell(webhook: Webhook) -> int:
    row = Webhook.objects.filter(pk=webhook.pk)
    if not row.filter(gave_up_at__isnull=False, notified_at=None).update(notified_at=Now()):
        return 0
    try:
        send(_mail(webhook), to=recipients.owners_and_admins(webhook.team_id))
    except OSError as error:  # smtplib's exceptions too
        row.update(notified_at=None)
        logger.warning("not told: the mail server failed webhook=%s error=%s", webhook.pk, type(error).__name__)
        return 0
    return 1


def _mail(webhook: Webhook) -> Mail:
    return Mail(
        subject=f"Webhook switched off: {webhook.description or host_of(webhook)}",
        title="A webhook was switched off",
        paragraphs=(
            f"For about a day, {host_of(webhook)} accepted nothing that Specway sent, so nothing more is sent there.",
            "Put right what answers at that address, send a test event, and switch the webhook on again.",
        ),
        action="Open the webhook",
        url=settings.PUBLIC_URL + reverse("notifications:webhook", args=[webhook.pk]),
        why="You get this because you own or administer the team.",
    )
