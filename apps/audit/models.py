"""Audit events. They have no foreign keys, so that the log outlives what it describes."""

from django.db import models
from django.db.models import Q

# The actions that end a refresh.
REFRESHES = ("connection.refreshed", "connection.refresh_failed", "connection.refresh_fenced")


class AuditEvent(models.Model):
    """One event. Append-only: database triggers reject UPDATE and DELETE."""

    class Outcome(models.TextChoices):
        SUCCESS = "success", "Success"
        FAILURE = "failure", "Failure"

    id = models.BigAutoField(primary_key=True)
    occurred_at = models.DateTimeField()
    team_id = models.UUIDField(null=True)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=36, blank=True)
    actor_label = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.SUCCESS)
    target_type = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=36, blank=True)
    target_label = models.CharField(max_length=250, blank=True)
    integration = models.CharField(max_length=100, blank=True)
    workflow_id = models.CharField(max_length=200, blank=True)
    workflow_name = models.CharField(max_length=200, blank=True)
    run_id = models.CharField(max_length=200, blank=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    token_fp = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["team_id", "-id"], name="audit_team"),
            models.Index(fields=["team_id", "integration", "-id"], name="audit_integration"),
            models.Index(fields=["target_id", "-id"], name="audit_target"),
            models.Index(fields=["token_fp"], name="audit_token_fp"),
            # For the statistics of recent refreshes. Partial, since most events are others.
            models.Index(fields=["occurred_at"], condition=Q(action__in=REFRESHES), name="audit_refreshes"),
        ]

    def __str__(self) -> str:
        return f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.action} {self.target_label}"
