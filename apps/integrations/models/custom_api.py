"""Custom APIs of a team, and the operations listed in their API documents."""

from django.db import models

from apps.integrations.models.integration import Integration
from apps.teams.models import User


class CustomApi(models.Model):
    """The settings of a custom API, entered or imported; `Integration.definition` is built from them."""

    integration = models.OneToOneField(
        Integration, primary_key=True, on_delete=models.CASCADE, related_name="custom_api"
    )
    base_url = models.CharField(max_length=2000)
    # The parameters of each connection, in the form of [[params]] of the catalog.
    params = models.JSONField(default=list)
    # Further API hosts, which calls reach by their names; in the form of [[hosts]] of the catalog.
    hosts = models.JSONField(default=list)
    # The fields of the Authentication tab (schema.Authentication), without client ID and secret.
    authentication = models.JSONField(default=dict)
    # The fields that were filled in automatically, and their source: "document" or "discovery".
    filled_in = models.JSONField(default=dict)
    # From the imported document: the recognized security schemes, and notes on what could not be used.
    schemes = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    # The source of the document: a URL without its query, a file name, or "pasted".
    source = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.integration)


class Operation(models.Model):
    """One operation of a custom API, from its document."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="operations")
    position = models.PositiveIntegerField()
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=1000)
    # The name of the one of `CustomApi.hosts` at which it is called; empty for the base URL.
    host = models.CharField(max_length=60, blank=True, default="", db_default="")
    summary = models.CharField(max_length=300, blank=True)
    # The scopes that it requires; empty where the document does not list them.
    scopes = models.JSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "position"], name="one_operation_per_position"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def called_path(self) -> str:
        """The path as the proxy takes it: with `@name` before that of an operation at a further host."""
        return f"@{self.host}{self.path}" if self.host else self.path
