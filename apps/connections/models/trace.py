"""What helps to debug a custom API: its redacted requests, and the result of the first refresh."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.integrations.models import Integration
from apps.teams.models import Team

_LABELS = {
    "authorization_code": _("Code exchanged for a token"),
    "refresh_token": _("Token refreshed"),
    "client_credentials": _("Token for the client itself"),
    "token": _("Token call"),
    "account": _("Account requested"),
    "revocation": _("Token revoked"),
    "discovery": _("Metadata requested"),
    "callback": _("Error of the consent page"),
}


class TraceEntry(models.Model):
    """One request to a custom API's server, redacted (`apps.oauth.trace.TraceLine`), kept for seven days."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    # Empty for a flow that created none, and for a connection that was disconnected since.
    connection = models.ForeignKey(
        "connections.Connection", null=True, on_delete=models.SET_NULL, related_name="trace_entries"
    )
    # The authorization attempt. No foreign key, since attempts are deleted after a day.
    attempt_id = models.UUIDField(null=True)
    # A copy of the name of the connection, or of the person who started the flow.
    label = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    what = models.CharField(max_length=30)
    method = models.CharField(max_length=10)
    url = models.CharField(max_length=500)
    authentication = models.CharField(max_length=250, blank=True)
    parameters = models.JSONField(default=list)
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=110, blank=True)
    size = models.PositiveIntegerField(default=0)
    fields = models.JSONField(default=list)
    error = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["connection", "-at"], name="trace_connection_at"),
            models.Index(fields=["integration", "-at"], name="trace_integration_at"),
            models.Index(fields=["at"], name="trace_at"),
        ]

    def __str__(self) -> str:
        return f"{self.what} at {self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def went_well(self) -> bool:
        """Whether the response is a success. An HTML page is not."""
        answered = self.status is not None and self.status < 400 and not self.error
        return answered and not self.content_type.endswith("html")

    @property
    def words(self) -> str:
        """The kind of request, as a label."""
        return str(_LABELS.get(self.what, _("Another call")))


class FirstRefresh(models.Model):
    """Whether a connection to a custom API can be refreshed, which is tried right after it is created."""

    class Outcome(models.TextChoices):
        DUE = "due", _("Not tried yet")
        WORKED = "worked", _("Works")
        NO_REFRESH_TOKEN = "no_refresh_token", _("No refresh token")
        CLIENT_REFUSED = "client_refused", _("Client rejected")
        GRANT_REFUSED = "grant_refused", _("Refresh token rejected")
        REQUEST_REFUSED = "request_refused", _("Request rejected")
        MALFORMED = "malformed", _("Not a token response")

    connection = models.OneToOneField(
        "connections.Connection", primary_key=True, on_delete=models.CASCADE, related_name="first_refresh"
    )
    outcome = models.CharField(max_length=20, choices=Outcome.choices, default=Outcome.DUE)
    # The service's error code, if it returned one.
    code = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"First refresh of {self.connection_id}: {self.outcome}"
