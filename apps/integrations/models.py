"""Integrations (what a team can connect to) and OAuth apps (the client registered at the service)."""

import hashlib
import json
import uuid

from django.db import models
from django.db.models import Q

from apps.integrations.querysets import IntegrationQuerySet
from apps.teams.models import Team
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow


class Integration(models.Model):
    """A service that a team can connect to: built-in (facts in the catalogue, found by slug) or a team's own."""

    class Kind(models.TextChoices):
        OAUTH2 = "oauth2", "OAuth 2.0"
        CLIENT_CREDENTIALS = "oauth2_client_credentials", "OAuth 2.0 client credentials"
        OAUTH1 = "oauth1", "OAuth 1.0a"
        API_KEY = "api_key", "API key"
        BASIC = "basic", "User name and password"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=100)
    name = models.CharField(max_length=100)
    # Empty for built-in services.
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="integrations")
    kind = models.CharField(max_length=30, choices=Kind.choices, default=Kind.OAUTH2)
    category = models.CharField(max_length=40)
    description = models.CharField(max_length=200, blank=True)
    icon = models.CharField(
        max_length=60, blank=True, help_text="Slug of the logo in Simple Icons; a monogram without."
    )
    is_enabled = models.BooleanField(default=True, help_text="Off: nobody can make new connections.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = IntegrationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["slug"], condition=Q(team=None), name="one_built_in_integration_per_slug"),
            models.UniqueConstraint(fields=["team", "slug"], name="one_integration_per_team_and_slug"),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def signs_in_through_app(self) -> bool:
        """Whether people are sent there, as an OAuth app that is registered there."""
        return self.kind in (self.Kind.OAUTH2, self.Kind.OAUTH1)


# Services that ask for the person's consent know us by an OAuth app; for the others, people enter keys of their own.
KINDS_WITH_OAUTH_APP = (Integration.Kind.OAUTH2, Integration.Kind.OAUTH1)
KINDS_WITH_KEY = (Integration.Kind.API_KEY, Integration.Kind.BASIC, Integration.Kind.CLIENT_CREDENTIALS)


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
    # What its keepers were told by mail: of which end of the secret, at which threshold (days), and of which refusal.
    told_expiry_on = models.DateField(null=True, editable=False)
    told_expiry_days = models.SmallIntegerField(null=True, editable=False)
    told_broken_since = models.DateTimeField(null=True, editable=False)
    # Set when the service refused the client itself (invalid_client); cleared when the app is changed.
    broken_since = models.DateTimeField(null=True, editable=False)
    broken_code = models.CharField(max_length=60, blank=True, editable=False)
    # What the last *Test* told; forgotten when what was tested changes.
    tested_at = models.DateTimeField(null=True, editable=False)
    test_result = models.CharField(max_length=20, blank=True, editable=False)
    test_sentence = models.CharField(max_length=500, blank=True, editable=False)
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

        The parameters count because they may say where the client is registered.
        """
        parts = json.dumps([self.client_id, self.params], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()
