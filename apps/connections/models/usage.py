"""The use of connections: by workflow, by caller, by day and by scope."""

from django.db import models

from apps.teams.models import Team, User


class WorkflowUse(models.Model):
    """A workflow that used a connection, and so depends on it."""

    connection = models.ForeignKey("connections.Connection", on_delete=models.CASCADE, related_name="workflows")
    # The connection's, so that a search of a team reads the workflows of that team only. Empty in a row that a version
    # without this column wrote, until the next use.
    team = models.ForeignKey(
        Team, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    workflow_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "workflow_id"], name="one_row_per_connection_and_workflow"),
        ]
        indexes = [models.Index(fields=["team"], name="workflow_use_of_team")]

    def __str__(self) -> str:
        return self.name or self.workflow_id


class DailyUse(models.Model):
    """How often a connection was used on a day (UTC), how often that failed, and how often we refused it instead."""

    connection = models.ForeignKey("connections.Connection", on_delete=models.CASCADE, related_name="daily_use")
    day = models.DateField()
    calls = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    # Not among the calls: nothing was sent, and no token returned.
    refused = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "day"], name="one_row_per_connection_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.calls} calls"


class WorkflowCaller(models.Model):
    """The member or key for whom a workflow uses a connection: it stops when they lose access."""

    use = models.ForeignKey("connections.WorkflowUse", on_delete=models.CASCADE, related_name="callers")
    # The API key's ID; the member's for a browser session.
    caller_id = models.UUIDField()
    # Empty for a service key, which acts for no member.
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    last_used_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["use", "caller_id"], name="one_row_per_workflow_and_caller"),
        ]
        indexes = [models.Index(fields=["caller_id"], name="workflow_caller")]

    def __str__(self) -> str:
        return f"{self.use_id} by {self.caller_id}"


class ScopeUse(models.Model):
    """When a call last needed a scope of the connection. Unused scopes can be dropped by reconnecting."""

    connection = models.ForeignKey("connections.Connection", on_delete=models.CASCADE, related_name="scope_use")
    scope = models.CharField(max_length=300)
    last_used_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "scope"], name="one_row_per_connection_and_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} of {self.connection_id}"
