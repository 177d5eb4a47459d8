"""OAuth apps: the client ID and client secret registered at a service, the operator's or a team's own."""

import hashlib
import json

from django.db import models
from django.db.models import Q

from apps.integrations.models.integration import Integration
from apps.teams.models import Team
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow


class OAuthApp(SealedRow):
    """The client ID and client secret registered at the service: the operator's for everybody, or a team's own."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="oauth_apps")
    team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="oauth_apps",
        help_text="Empty: for every team. A team's own wins over it.",
    )
    client_id = models.CharField("client ID", max_length=500)
    client_secret = EncryptedField()
    # Values of the provider's placeholders that belong to the app, not to a connection (an origin, a tenant).
    params = models.JSONField(default=dict, blank=True)
    secret_expires_on = models.DateField(null=True, blank=True)
    # Names of the scopes that may be asked for, where fewer are registered than there are; empty: all.
    scopes_allowed = models.JSONField(default=list, blank=True)
    # What this app does otherwise than its provider's facts say; see overrides.py.
    overrides = models.JSONField(default=dict, blank=True)
    # The `base_url_fingerprint` of a team's own API, as it was when the app was stored; empty for built-in services.
    base_url_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    # What its keepers were told by mail: of which end of the secret, at which threshold (days), and of which refusal.
    notified_expiry_on = models.DateField(null=True, editable=False)
    notified_expiry_days = models.SmallIntegerField(null=True, editable=False)
    notified_broken_since = models.DateTimeField(null=True, editable=False)
    # Set when the service refused the client itself (invalid_client); cleared when the app is changed.
    broken_since = models.DateTimeField(null=True, editable=False)
    broken_code = models.CharField(max_length=60, blank=True, editable=False)
    # What the last *Test* told; forgotten when what was tested changes.
    tested_at = models.DateTimeField(null=True, editable=False)
    test_result = models.CharField(max_length=20, blank=True, editable=False)
    test_message = models.CharField(max_length=500, blank=True, editable=False)
    # The circuit breaker: how many connections in a row got no answer, and until when nobody asks (see circuit.py).
    circuit_failures = models.PositiveIntegerField(default=0, editable=False)
    circuit_open_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "OAuth app"
        constraints = [
            models.UniqueConstraint(
                fields=["integration"],
                condition=Q(team=None),
                name="one_operator_oauth_app_per_integration",
                violation_error_message="This integration has an OAuth app for every team already: change that one.",
            ),
            models.UniqueConstraint(
                fields=["integration", "team"],
                name="one_oauth_app_per_integration_and_team",
                violation_error_message="This team has an OAuth app for the integration already: change that one.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.integration} ({self.team or 'every team'})"

    @property
    def client_key(self) -> str:
        """Which client this is, as a hash of its ID and parameters: tokens of one are of no use to another.

        The parameters count because they may say where the client is registered; so do the addresses of a team's own
        API, which its admins may change.
        """
        where = [self.base_url_fingerprint] if self.base_url_fingerprint else []
        parts = json.dumps([self.client_id, self.params, *where], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()
