"""With whom a connection is shared, and at which permission level."""

from django.db import models
from django.db.models import Q

from apps.connections.models.connection import Connection
from apps.teams.models import User


class Level(models.TextChoices):
    USE = "use", "Use only"
    VIEW = "view", "View"
    MANAGE = "manage", "Manage"


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
