"""Webhooks and the outbox of messages to them; people's preferences for mail, and what was mailed to them."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Count, Min, Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from apps.teams.models import Team, User
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow


class Event(models.TextChoices):
    NEEDS_ATTENTION = "connection.needs_attention", _("A connection needs attention")
    RECOVERED = "connection.recovered", _("A connection works again")
    CREATED = "connection.created", _("A connection was created")
    RECONNECTED = "connection.reconnected", _("A working connection was reconnected")
    RENAMED = "connection.renamed", _("A connection was renamed")
    SHARED = "connection.shared", _("A connection's sharing changed")
    VERIFIED = "connection.verified", _("An unverified connection turned out to work")
    SCOPES_CHANGED = "connection.scopes_changed", _("A service changed what a connection may do")
    DISCONNECTED = "connection.disconnected", _("A connection was disconnected")
    SESSION_CONNECTED = "connect_session.connected", _("A connect link was completed")
    SESSION_FAILED = "connect_session.failed", _("A connect link ended without a connection")
    MISCONFIGURED = "integration.misconfigured", _("A service rejects the OAuth app")
    EXPIRING = "credential.expiring", _("A key, grant, API key or client secret ends soon")
    MEMBER_LEFT = "member.left", _("A member left the team or was removed")


class Payload(models.TextChoices):
    STANDARD = "standard", _("JSON, after Standard Webhooks")
    SLACK = "slack", _("A message for Slack, Mattermost and others that take its format")


class Webhook(SealedRow):
    """A team's URL that receives events as signed requests (https://www.standardwebhooks.com/)."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=1000)
    description = models.CharField(max_length=200, blank=True)
    events = models.JSONField(default=list)
    payload = models.CharField(max_length=10, choices=Payload.choices, default=Payload.STANDARD)
    is_on = models.BooleanField(default=True)
    secret = EncryptedField()
    # After a rotation both secrets sign until then, so that the receiver can switch at any time.
    former_secret = EncryptedField()
    former_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    last_success_at = models.DateTimeField(null=True)
    # When Specway disabled it because nothing arrived, and when the admins were mailed.
    gave_up_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)
    # Only events of these integrations (slugs), and with one of these tags; empty: all.
    only_integrations = models.JSONField(default=list)
    only_tags = models.JSONField(default=list)
    # Further headers of each request, as a JSON object: they may contain a secret of the receiver. Names are shown.
    headers = EncryptedField()
    header_names = models.JSONField(default=list)
    # The names that a program gave it.
    external_id = models.CharField(max_length=200, blank=True, default="")
    tags = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.description or f"Webhook {self.pk}"

    @property
    def waiting(self) -> int:
        """The number of messages that were not accepted and are sent again."""
        return self._retries["waiting"] or 0

    @property
    def next_try_at(self) -> datetime | None:
        """When the first of these messages is sent again."""
        next_try_at: datetime | None = self._retries["next_try_at"]
        return next_try_at

    @cached_property
    def _retries(self) -> dict[str, Any]:
        retried = self.deliveries.filter(status=Delivery.Status.PENDING).exclude(problem="").order_by()
        return retried.aggregate(waiting=Count("pk"), next_try_at=Min("next_try_at"))


class Delivery(models.Model):
    """A message to a webhook. Written in the transaction of its event, sent after the commit, at least once."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    # `webhook-id`: unique per message, the same for each attempt, so that receivers can detect duplicates.
    id = models.CharField(primary_key=True, max_length=40)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=60)
    # The body as signed and sent, the same for each attempt. No secrets.
    body = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    # When it is due; during an attempt, when the claim expires. Empty once it is finished.
    next_try_at = models.DateTimeField(null=True)
    last_try_at = models.DateTimeField(null=True)
    # The receiver's HTTP status; empty without a response. `problem` has the reason.
    answered = models.PositiveSmallIntegerField(null=True)
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="delivery_due"),
            models.Index(fields=["webhook", "-created_at"], name="delivery_of_webhook"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}"


class ExpiryEvent(models.Model):
    """An event reported to a team that something ends on a day; `item` and `days` as in ExpiryMail."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    item = models.CharField(max_length=60)
    ends_on = models.DateField()
    days = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "item", "ends_on", "days"], name="one_expiry_event_per_threshold")
        ]

    def __str__(self) -> str:
        return f"{self.item} to {self.team_id}, {self.days} days"


class Frequency(models.TextChoices):
    AT_ONCE = "at_once", _("At once")
    DIGEST = "digest", _("Once a day")
    OFF = "off", _("Off")


class MailPreference(models.Model):
    """How often a person gets mail, by kind of event. Without a row: at once."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="mail_preference")
    attention = models.CharField(max_length=10, choices=Frequency.choices, default=Frequency.AT_ONCE)
    recovery = models.CharField(max_length=10, choices=Frequency.choices, default=Frequency.AT_ONCE)
    # Reminders of what ends soon: at once or off.
    expiry = models.CharField(max_length=10, choices=Frequency.choices, default=Frequency.AT_ONCE)

    def __str__(self) -> str:
        return f"Mail preferences of {self.user_id}"


class Notice(models.Model):
    """Something that a person should know, shown in the product. `path` leads to what it is about."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    # Unique for each person, so that the same event is noticed once.
    key = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=500, blank=True)
    path = models.CharField(max_length=300)
    # Name and logo of the service.
    service = models.CharField(max_length=100, blank=True)
    icon = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_notice_per_event")]
        indexes = [
            models.Index(fields=["user", "team", "-created_at"], name="notice_of_user"),
            models.Index(fields=["user", "team"], condition=Q(read_at__isnull=True), name="notice_unread"),
        ]

    def __str__(self) -> str:
        return f"{self.title} for {self.user_id}"


class ExpiryMail(models.Model):
    """A person was reminded that something ends on a day; `item` is `Expiring.id`, `days` the threshold."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    item = models.CharField(max_length=60)
    ends_on = models.DateField()
    days = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "item", "ends_on", "days"], name="one_reminder_per_threshold")
        ]

    def __str__(self) -> str:
        return f"{self.item} to {self.user_id}, {self.days} days"


class AttentionMail(models.Model):
    """A person was mailed that a connection needs attention since a time. One row per connection, time and person.

    The connection is not a foreign key, since connections are above this package.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    connection_id = models.UUIDField()
    since = models.DateTimeField()
    sent_at = models.DateTimeField()
    in_digest = models.BooleanField(default=False)
    # When the mail was sent that it works again, or when none was due.
    recovered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "connection_id", "since"], name="one_attention_mail_per_person")
        ]
        indexes = [
            models.Index(fields=["connection_id"], condition=Q(recovered_at__isnull=True), name="attention_mail_open"),
            models.Index(fields=["user", "-sent_at"], name="attention_mail_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.connection_id} to {self.user_id}"
