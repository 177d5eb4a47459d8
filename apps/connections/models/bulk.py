"""Jobs that change many connections one after the other, with the outcome of each."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.connections.models.sharing import Level
from apps.teams.models import ApiKey, Team, User


class BulkJob(models.Model):
    """A change or check of many connections, which a worker makes with the access that its creator has then."""

    class Action(models.TextChoices):
        SHARE = "share", _("Share with everyone")
        UNSHARE = "unshare", _("Make personal")
        HAND_OVER = "hand_over", _("Hand over")
        DISCONNECT = "disconnect", _("Disconnect")
        CHECK = "check", _("Check")
        REFRESH = "refresh", _("Refresh")

    class Status(models.TextChoices):
        RUNNING = "running", _("Waiting or running")
        DONE = "done", _("Done")
        CANCELED = "canceled", _("Canceled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    action = models.CharField(max_length=10, choices=Action.choices)
    # With SHARE: at which level.
    level = models.CharField(max_length=10, choices=Level.choices, blank=True)
    # With HAND_OVER: the new owner.
    new_owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    # The member, or the key, that created it; and the same as in the audit log.
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.CASCADE, related_name="+")
    asked_by_kind = models.CharField(max_length=10)
    asked_by_id = models.CharField(max_length=36)
    asked_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # A process works on it until then.
    claimed_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="bulk_job_newest_first"),
            models.Index(fields=["claimed_until"], condition=Q(status="running"), name="bulk_job_open"),
        ]

    def __str__(self) -> str:
        return f"Bulk job {self.pk}"


class BulkItem(models.Model):
    """One connection of a job. Its ID is no foreign key, since the connection may be disconnected."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="items")
    connection_id = models.UUIDField()
    # The connection's name when its creator selected it on a page; "" in jobs by the API, whose IDs may be others'.
    name = models.CharField(max_length=200, blank=True, default="", db_default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    code = models.CharField(max_length=60, blank=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "connection_id"], name="one_bulk_item_per_connection")]
        indexes = [models.Index(fields=["job", "state"], name="bulk_item_state")]

    def __str__(self) -> str:
        return f"{self.connection_id} of {self.job_id}"
