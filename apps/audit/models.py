"""Audit events. They have no foreign keys, so that the log outlives what it describes."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.audit.messages import action_label
from apps.sentences import translated

# The actions that end a refresh.
REFRESHED = "connection.refreshed"
REFRESHES = (REFRESHED, "connection.refresh_failed", "connection.refresh_fenced")
# The start of a call through a connection, and its failure, which is a later event with the same `call` in its detail.
CALLED, CALL_FAILED = "connection.used", "connection.use_failed"
# The actions of most events. All others are found by an index of their own, which these do not burden.
FREQUENT = (CALLED, REFRESHED, "token.handed_out")


class AuditEvent(models.Model):
    """One event. Append-only: database triggers reject UPDATE and DELETE."""

    class Outcome(models.TextChoices):
        SUCCESS = "success", _("Success")
        FAILURE = "failure", _("Failure")

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
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["team_id", "-id"], name="audit_team"),
            models.Index(fields=["team_id", "integration", "-id"], name="audit_integration"),
            models.Index(fields=["team_id", "actor_id", "-id"], name="audit_actor"),
            models.Index(fields=["team_id", "-id"], condition=Q(outcome="failure"), name="audit_failures"),
            models.Index(fields=["team_id", "action", "-id"], condition=~Q(action__in=FREQUENT), name="audit_actions"),
            models.Index(fields=["target_id", "-id"], name="audit_target"),
            # For the first ID of a period; see `querysets.apply_filters`.
            models.Index(fields=["occurred_at"], name="audit_time"),
            models.Index(fields=["token_fp"], name="audit_token_fp"),
            # For the statistics of recent refreshes. Partial, since most events are others.
            models.Index(fields=["occurred_at"], condition=Q(action__in=REFRESHES), name="audit_refreshes"),
        ]

    def __str__(self) -> str:
        what = action_label(self.action)
        return f"{what}: {self.target_label}" if self.target_label else what

    @property
    def actor_name(self) -> str:
        """The label of the actor for pages: of an unknown one in the reader's language."""
        return self.actor_label if self.actor_id else translated(self.actor_label)

    @property
    def target_name(self) -> str:
        """The label of the target for pages: of the audit log itself in the reader's language."""
        return translated(self.target_label) if self.target_type == "audit_log" else self.target_label
