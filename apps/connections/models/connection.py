"""Connections, and the keys that people enter for them."""

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.connections.models.everyones_level import EveryonesLevelField
from apps.connections.models.querysets import ConnectionQuerySet
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import Team, User
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow

if TYPE_CHECKING:
    from datetime import datetime


class Status(models.TextChoices):
    ACTIVE = "active", _("Working")
    NEEDS_ATTENTION = "needs_attention", _("Needs attention")
    # It cannot be used any more: its grant is being revoked, then the row is deleted.
    DISCONNECTING = "disconnecting", _("Disconnecting")


class Connection(models.Model):
    """One account of one person at one integration."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="connections")
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="connections")
    oauth_app = models.ForeignKey(OAuthApp, null=True, on_delete=models.PROTECT, related_name="connections")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="connections")
    name = models.CharField(_("name"), max_length=200)
    # The account's stable ID at the service and its human label.
    account_subject = models.CharField(max_length=255, blank=True)
    account_label = models.CharField(_("account label"), max_length=255, blank=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=40, blank=True)
    # The service's own description of why it refused, without secrets.
    service_message = models.CharField(max_length=300, blank=True, default="")
    status_changed_at = models.DateTimeField()
    # Calls in a row that the service answered with 401.
    rejected_calls = models.PositiveSmallIntegerField(default=0)
    scopes_requested = models.JSONField(default=list)
    scopes_granted = models.JSONField(default=list)
    # Values of the provider's parameters (a subdomain, an instance URL): from the person, the callback or the response.
    params = models.JSONField(default=dict)
    # The name of the site, tenant or organization that was chosen, where the service has several for one grant.
    site = models.CharField(max_length=255, blank=True, default="")
    is_shared = models.BooleanField(default=False)
    # The level of everyone in the team, for queries; "" for none. Kept by triggers: `policy.access` reads the shares.
    everyones_level = EveryonesLevelField(max_length=10, blank=True, default="", db_default="", editable=False)
    # The names that a program gave it: an ID, tags (texts) and a JSON object of its own.
    external_id = models.CharField(max_length=200, blank=True, default="")
    tags = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    # After a hand-over, until it is reconnected: the former owner, whose grant or key it uses. The name is a copy.
    handed_over_from = models.CharField(max_length=250, blank=True)
    handed_over_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    # When a check or a call last succeeded. A token that was issued and a key that was verified have their own times;
    # see `policy.outlook.last_verified_at`.
    verified_at = models.DateTimeField(null=True)

    objects = ConnectionQuerySet.as_manager()

    if TYPE_CHECKING:
        db_now: datetime  # annotated by queries that need the database's time

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        indexes = [
            models.Index(fields=["team", "status"], name="connection_team_status"),
            # With the status, so that counting by service reads the index alone.
            models.Index(fields=["team", "integration", "status"], name="connection_of_service"),
            models.Index(fields=["team", "-created_at", "-id"], name="connection_newest_first"),
            # For operators, whose list has the connections of all teams.
            models.Index(fields=["-created_at", "-id"], name="connection_newest_of_all"),
            models.Index(Lower("name"), name="connection_lower_name"),
            models.Index(fields=["team", "name", "id"], name="connection_by_name"),
            models.Index(fields=["team", "external_id"], condition=~Q(external_id=""), name="connection_external_id"),
            # With the service, so that counting by reason and service reads the index alone.
            models.Index(
                fields=["status_reason", "integration"], condition=~Q(status_reason=""), name="connection_red_reason"
            ),
            models.Index(
                fields=["status_changed_at"], condition=Q(status="disconnecting"), name="connection_disconnecting"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Credential(SealedRow):
    """What a person entered to authenticate: a key, a user name and password, or a client ID and secret."""

    used_by = "connection"

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="credential")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    # The values of the catalog's [[fields]] by name, as JSON, including those that are not secret.
    fields = EncryptedField()
    created_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)
    # `Integration.base_url_fingerprint` of a custom API when this was entered.
    base_url_fingerprint = models.CharField(max_length=64, blank=True)
    # When the service last accepted it in a verification; empty if it was not verified.
    checked_at = models.DateTimeField(null=True)
    # When the key ends at the service, as a person entered it.
    expires_on = models.DateField(null=True)

    def __str__(self) -> str:
        return f"Credential of {self.connection_id}"
