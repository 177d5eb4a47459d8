"""The tokens of an OAuth connection."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from apps.connections.models.connection import Connection
from apps.connections.models.querysets import TokenSetQuerySet
from apps.integrations.models import Integration
from apps.teams.models import Team
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow

if TYPE_CHECKING:
    from datetime import datetime


class TokenSet(SealedRow):
    """The secrets of an OAuth connection, with the lease and version that make their refresh safe.

    Times are by the database's clock. `version` only grows, and each write to the tokens compares it.
    """

    used_by = "connection"

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="token_set")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    access_token = EncryptedField()
    refresh_token = EncryptedField()
    # Further secrets of the token response that the provider's data says to keep, as JSON.
    kept_secrets = EncryptedField()
    token_type = models.CharField(max_length=40, default="bearer")
    access_token_fp = models.CharField(max_length=64, blank=True)
    # `OAuthApp.client_key` of the client that the tokens were issued to.
    client_key = models.CharField(max_length=64, blank=True)
    # `Integration.revocation_version` when the person connected or reconnected.
    revocation_version = models.PositiveIntegerField(default=0, db_default=0)
    obtained_at = models.DateTimeField()
    # Empty if the service did not report an expiry, or the token does not expire.
    expires_at = models.DateTimeField(null=True)
    version = models.PositiveBigIntegerField(default=1)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Set immediately before a refresh request is sent, with the fingerprint of the refresh token in it.
    sent_at = models.DateTimeField(null=True)
    sent_token_fp = models.CharField(max_length=64, blank=True)
    # How often the present refresh token was sent without a conclusive response.
    unresolved_sends = models.PositiveSmallIntegerField(default=0)
    # `spool.host_id()` of the host that sent it, until the result is recorded.
    sent_by = models.CharField(max_length=36, blank=True, default="")
    next_refresh_at = models.DateTimeField(null=True)
    # No token request is sent before: a check that is due earlier only updates the status.
    not_before = models.DateTimeField(null=True)
    # While a refresh is dispatched to a worker: until then it is not dispatched again.
    dispatched_until = models.DateTimeField(null=True)
    failure_count = models.PositiveIntegerField(default=0)
    last_failure = models.CharField(max_length=60, blank=True)
    last_failure_at = models.DateTimeField(null=True)
    # Refusals in a row that were not understood, and the time of the first of them.
    refusal_count = models.PositiveSmallIntegerField(default=0)
    refused_since = models.DateTimeField(null=True)

    objects = TokenSetQuerySet.as_manager()

    if TYPE_CHECKING:
        db_now: datetime  # annotated by `with_clock()`

    class Meta:
        indexes = [
            models.Index(fields=["next_refresh_at"], condition=Q(next_refresh_at__isnull=False), name="token_set_due"),
            # Few rows match; the health check counts them every few seconds.
            models.Index(
                fields=["unresolved_sends"], condition=Q(unresolved_sends__gt=0), name="token_set_interrupted"
            ),
            models.Index(
                fields=["dispatched_until"], condition=Q(dispatched_until__isnull=False), name="token_set_dispatched"
            ),
        ]

    def __str__(self) -> str:
        return f"Token set of {self.connection_id}, version {self.version}"

    @property
    def refresh_grant_type(self) -> str:
        """The grant type that gives a new access token without a person: refresh_token, client_credentials, or ""."""
        if self.refresh_token is not None:
            return "refresh_token"
        has_own_client = self.connection.integration.kind == Integration.Kind.CLIENT_CREDENTIALS
        return "client_credentials" if has_own_client else ""
