"""OAuth apps: client ID and secret registered at a service, by the operator or by a team."""

import hashlib
import json

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.integrations.models.integration import Callback, Integration
from apps.teams.models import Team
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow


class OAuthApp(SealedRow):
    """A client registered at the service: the operator's, which every team can use, or a team's own."""

    integration = models.ForeignKey(
        Integration, verbose_name=_("integration"), on_delete=models.CASCADE, related_name="oauth_apps"
    )
    team = models.ForeignKey(
        Team,
        verbose_name=_("team"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="oauth_apps",
        help_text=_("Empty: for every team. A team’s own OAuth app takes precedence."),
    )
    client_id = models.CharField(_("client ID"), max_length=500)
    client_secret = EncryptedField()
    # Values of placeholders that belong to the app and not to a connection (an origin, a tenant).
    params = models.JSONField(default=dict, blank=True)
    secret_expires_on = models.DateField(_("secret expires on"), null=True, blank=True)
    # The scopes that may be requested, where the app is registered for some only; empty: all.
    scopes_allowed = models.JSONField(default=list, blank=True)
    # Overrides of the catalog entry; see catalog/overrides.py.
    overrides = models.JSONField(default=dict, blank=True)
    # The `base_url_fingerprint` of a custom API when the app was saved; empty for built-in services.
    base_url_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    # An API key that calls of a custom API need beside the token, and the API's `base_url_fingerprint` when the key was
    # entered: it is not sent to other addresses.
    further_key = EncryptedField(editable=False)
    further_key_fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    # What its maintainers were notified of: which secret expiry, at which threshold (days), and which refusal.
    notified_expiry_on = models.DateField(null=True, editable=False)
    notified_expiry_days = models.SmallIntegerField(null=True, editable=False)
    notified_broken_since = models.DateTimeField(null=True, editable=False)
    # Set when the service refused the client itself (invalid_client); cleared when the app is changed.
    broken_since = models.DateTimeField(null=True, editable=False)
    # Where maintainers were notified, the code stays after a change until the service accepts the changed client.
    broken_code = models.CharField(max_length=60, blank=True, editable=False)
    # The result of the last test; cleared when the tested values change.
    tested_at = models.DateTimeField(null=True, editable=False)
    test_result = models.CharField(max_length=20, blank=True, editable=False)
    test_message = models.CharField(max_length=500, blank=True, editable=False)
    # The circuit breaker: consecutive connections without a response, and the end of the pause (circuit_breaker.py).
    circuit_failures = models.PositiveIntegerField(default=0, editable=False)
    circuit_open_until = models.DateTimeField(null=True, editable=False)
    # The callback where members complete a host of the service; see redirect_uri.py.
    callback = models.CharField(max_length=10, choices=Callback.choices, default=Callback.OWN, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("OAuth app")
        verbose_name_plural = _("OAuth apps")
        constraints = [
            models.UniqueConstraint(
                fields=["integration"],
                condition=Q(team=None),
                name="one_operator_oauth_app_per_integration",
                violation_error_message=_("This integration already has an OAuth app for every team. Change that one."),
            ),
            models.UniqueConstraint(
                fields=["integration", "team"],
                name="one_oauth_app_per_integration_and_team",
                violation_error_message=_("This team already has an OAuth app for the integration. Change that one."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.integration} ({self.team or 'every team'})"

    @property
    def has_further_key(self) -> bool:
        """Whether a further key is stored that may be sent to the API's present addresses."""
        return self.further_key is not None and self.further_key_is_for(self.integration.base_url_fingerprint)

    def further_key_is_for(self, fingerprint: str) -> bool:
        """Whether the further key was entered for the addresses with this fingerprint."""
        return self.further_key is not None and self.further_key_fingerprint == fingerprint

    @property
    def client_key(self) -> str:
        """A hash that identifies the client: tokens issued to one client cannot be used by another.

        Besides the client ID it covers the parameters and the URLs of a custom API, since they determine the server at
        which the client is registered.
        """
        urls = [self.base_url_fingerprint] if self.base_url_fingerprint else []
        parts = json.dumps([self.client_id, self.params, *urls], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()
