"""Who uses connections, in more detail: on whose behalf workflows run, and which scopes calls need."""

from django.db import models

from apps.teams.models import User


class WorkflowCaller(models.Model):
    """On whose behalf a workflow uses a connection: who stops it by losing access, and which key by being revoked."""

    use = models.ForeignKey("connections.WorkflowUse", on_delete=models.CASCADE, related_name="callers")
    # The API key's ID; the member's for a browser session.
    caller_id = models.UUIDField()
    # Empty for a service key, which acts for nobody.
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
    """When a call last said that it needs a scope of the connection: what nobody needs can be given up."""

    connection = models.ForeignKey("connections.Connection", on_delete=models.CASCADE, related_name="scope_use")
    scope = models.CharField(max_length=300)
    last_used_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "scope"], name="one_row_per_connection_and_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} of {self.connection_id}"
