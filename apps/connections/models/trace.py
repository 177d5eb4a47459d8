"""What is kept for finding faults in a team's own API: its exchanges without secrets, and how a first refresh went."""

from django.db import models

from apps.integrations.models import Integration
from apps.teams.models import Team

_WORDS = {
    "authorization_code": "Code exchanged for a token",
    "refresh_token": "Token refreshed",
    "client_credentials": "Token for the client itself",
    "token": "Token call",
    "account": "Account asked for",
    "revocation": "Token revoked",
    "discovery": "Metadata asked for",
}


class TraceEntry(models.Model):
    """One exchange with a team's own API's server, redacted (`apps.oauth.trace.TraceLine`); kept for seven days."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    # Empty for a trip that made none, and for a connection that was disconnected since.
    connection = models.ForeignKey(
        "connections.Connection", null=True, on_delete=models.SET_NULL, related_name="trace_entries"
    )
    # The trip that it belongs to; no key, since trips are cleared after a day.
    attempt_id = models.UUIDField(null=True)
    # Whose it was, as a name snapshot: the connection's, or the person's who set out.
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
        """Whether an answer came that is no refusal. A page where JSON belongs is none either."""
        answered = self.status is not None and self.status < 400 and not self.error
        return answered and not self.content_type.endswith("html")

    @property
    def words(self) -> str:
        """Which call it was, for people."""
        return _WORDS.get(self.what, "Another call")


class FirstRefresh(models.Model):
    """Whether a connection to a team's own API can be refreshed, tried right after it was made."""

    class Outcome(models.TextChoices):
        DUE = "due", "Not tried yet"
        WORKED = "worked", "Works"
        NO_REFRESH_TOKEN = "no_refresh_token", "No refresh token came"
        CLIENT_REFUSED = "client_refused", "The client was refused"
        GRANT_REFUSED = "grant_refused", "The refresh token was refused"
        REQUEST_REFUSED = "request_refused", "The request was refused"
        MALFORMED = "malformed", "The answer was none"

    connection = models.OneToOneField(
        "connections.Connection", primary_key=True, on_delete=models.CASCADE, related_name="first_refresh"
    )
    outcome = models.CharField(max_length=20, choices=Outcome.choices, default=Outcome.DUE)
    # The service's error, where it gave one.
    code = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"First refresh of {self.connection_id}: {self.outcome}"
