"""Webhooks: where a team wants to hear of events, and each message that is on its way there."""

from django.db import models
from django.db.models import Q

from apps.teams.models import Team
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow


class Event(models.TextChoices):
    NEEDS_ATTENTION = "connection.needs_attention", "A connection needs attention"
    RECOVERED = "connection.recovered", "A connection works again"
    CREATED = "connection.created", "A connection was made"
    DISCONNECTED = "connection.disconnected", "A connection was disconnected"
    MISCONFIGURED = "integration.misconfigured", "A service refuses the OAuth app"


class Webhook(SealedRow):
    """An address of the team's, told of events by signed requests (https://www.standardwebhooks.com/)."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=1000)
    description = models.CharField(max_length=200, blank=True)
    events = models.JSONField(default=list)
    is_on = models.BooleanField(default=True)
    secret = EncryptedField()
    # After a rotation both sign, until then: the receiver changes over when it suits.
    former_secret = EncryptedField()
    former_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    last_success_at = models.DateTimeField(null=True)
    # Set when Specway switched it off because nothing arrived; and when the admins were told by mail.
    gave_up_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.description or f"Webhook {self.pk}"


class Delivery(models.Model):
    """One message to one webhook: the outbox. Written with what it tells of, sent after the commit, at least once."""

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    # Of its own kind for each message and the same for each try: `webhook-id`, by which a receiver knows a repetition.
    id = models.CharField(primary_key=True, max_length=40)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=60)
    # The body as it is signed and sent, each time the same. No secrets.
    body = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    # When it is tried (again); while somebody tries it, when another may. Empty once it is over.
    next_try_at = models.DateTimeField(null=True)
    last_try_at = models.DateTimeField(null=True)
    # The receiver's HTTP status; empty without an answer, whose reason is then told in `problem`.
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
