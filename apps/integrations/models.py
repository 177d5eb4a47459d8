"""Integrations (what a team can connect to) and OAuth apps (the client registered at the service)."""

import hashlib
import json
import uuid

from django.db import models
from django.db.models import Q

from apps.integrations.querysets import IntegrationQuerySet
from apps.teams.models import Team, User
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
        NONE = "none", "No authentication"

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
    # A team's own: its facts in the catalogue's schema. Empty until its authentication is described.
    definition = models.JSONField(null=True, blank=True, editable=False)
    # A team's own: which addresses secrets go to, as a hash (see custom_definition.py). Tokens and keys that were given
    # to others are not sent there.
    places_key = models.CharField(max_length=64, blank=True, editable=False)
    # A team's own that is registered with the one callback of built-in services, by an admin's deliberate choice.
    uses_common_callback = models.BooleanField(default=False, editable=False)

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

    @property
    def is_custom(self) -> bool:
        """Whether a team described it itself."""
        return self.team_id is not None


# Services that ask for the person's consent know us by an OAuth app; for the others, people enter keys of their own.
KINDS_WITH_OAUTH_APP = (Integration.Kind.OAUTH2, Integration.Kind.OAUTH1)
KINDS_WITH_KEY = (
    Integration.Kind.API_KEY,
    Integration.Kind.BASIC,
    Integration.Kind.CLIENT_CREDENTIALS,
    Integration.Kind.NONE,
)
# What was entered is sent as it is: there is no token, and nothing to revoke.
KINDS_SENT_AS_ENTERED = (Integration.Kind.API_KEY, Integration.Kind.BASIC, Integration.Kind.NONE)


class CustomApi(models.Model):
    """What a team entered about its own API, and what its document said: the source of `Integration.definition`."""

    integration = models.OneToOneField(
        Integration, primary_key=True, on_delete=models.CASCADE, related_name="custom_api"
    )
    base_url = models.CharField(max_length=2000)
    # Values that each connection gives: the placeholders of the addresses, as [[params]] of the catalogue.
    params = models.JSONField(default=list)
    # The fields of the Authentication tab (custom_schema.Authentication), without the client's ID and secret.
    authentication = models.JSONField(default=dict)
    # Which of these were filled in for the team, and by what: "document" or "discovery".
    filled_in = models.JSONField(default=dict)
    # What the document holds: every way to sign in that was recognised, and what could not be used.
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
    # The `places_key` of a team's own API, as it was when the app was stored; empty for built-in services.
    places_key = models.CharField(max_length=64, blank=True, editable=False)
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

        The parameters count because they may say where the client is registered; so do the addresses of a team's own
        API, which its admins may change.
        """
        where = [self.places_key] if self.places_key else []
        parts = json.dumps([self.client_id, self.params, *where], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()
