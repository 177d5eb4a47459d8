"""Custom APIs: what a team entered about an API of its own, and the operations that its document lists."""

from django.db import models

from apps.integrations.models.integration import Integration
from apps.teams.models import User


class CustomApi(models.Model):
    """What a team entered about its own API, and what its document said: the source of `Integration.definition`."""

    integration = models.OneToOneField(
        Integration, primary_key=True, on_delete=models.CASCADE, related_name="custom_api"
    )
    base_url = models.CharField(max_length=2000)
    # Values that each connection gives: the placeholders of the addresses, as [[params]] of the catalog.
    params = models.JSONField(default=list)
    # The fields of the Authentication tab (custom_schema.Authentication), without the client's ID and secret.
    authentication = models.JSONField(default=dict)
    # Which of these were filled in for the team, and by what: "document" or "discovery".
    filled_in = models.JSONField(default=dict)
    # What the document holds: every way to sign in that was recognized, and what could not be used.
    schemes = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    # Where the document came from, without any query: an address, a file's name, or "pasted".
    source = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Description of {self.integration}"


class Operation(models.Model):
    """One call that a team's own API offers, as its document says."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="operations")
    position = models.PositiveIntegerField()
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=1000)
    summary = models.CharField(max_length=300, blank=True)
    # Names of the scopes that it needs; empty where the document does not say.
    scopes = models.JSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "position"], name="one_operation_per_position"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
