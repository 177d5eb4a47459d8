"""With whom a connection is shared, and at which permission level."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.connections.models.connection import Connection
from apps.teams.models import User


class Level(models.TextChoices):
    USE = "use", _("Use only")
    VIEW = "view", _("View")
    MANAGE = "manage", _("Manage")


class ConnectionShare(models.Model):
    """A permission level on a shared connection: for one member, or for everyone if `user` is empty."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.USE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "user"], name="one_share_per_member"),
            models.UniqueConstraint(
                fields=["connection"], condition=Q(user=None), name="one_share_for_everyone_per_connection"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} for {self.user or 'everyone'}"


class RepairRequest(models.Model):
    """A member who may only use a connection asked the people who manage it to repair it."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="repair_requests")
    asked_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    message = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["connection", "-asked_at"], name="repair_request_of")]

    def __str__(self) -> str:
        return f"Request of {self.asked_by_id} to repair {self.connection_id}"
