"""Connections, their token sets, the trips that make them, who they are shared with and who used them."""

import uuid

from django.db import models
from django.db.models import Q

from apps.connections.querysets import ConnectionQuerySet, TokenSetQuerySet
from apps.connections.trace_models import FirstRefresh, TraceEntry
from apps.connections.usage_models import DailyUse, ScopeUse, WorkflowCaller, WorkflowUse
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import Team, User
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow

__all__ = [
    "AuthorizationAttempt",
    "Beat",
    "ConnectSession",
    "Connection",
    "ConnectionShare",
    "Credential",
    "DailyUse",
    "FirstRefresh",
    "Level",
    "ScopeUse",
    "Status",
    "TokenSet",
    "TraceEntry",
    "WorkflowCaller",
    "WorkflowUse",
]


class Status(models.TextChoices):
    ACTIVE = "active", "Active"
    NEEDS_ATTENTION = "needs_attention", "Needs attention"
    # Being disconnected: nobody may use it any more, the grant is being revoked, the row goes away next.
    DISCONNECTING = "disconnecting", "Disconnecting"


class Level(models.TextChoices):
    USE = "use", "Use only"
    VIEW = "view", "View"
    MANAGE = "manage", "Manage"


class Connection(models.Model):
    """One account of one person at one integration."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="connections")
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="connections")
    oauth_app = models.ForeignKey(OAuthApp, null=True, on_delete=models.PROTECT, related_name="connections")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="connections")
    name = models.CharField(max_length=200)
    # The account's stable ID at the service and its human label.
    account_subject = models.CharField(max_length=255, blank=True)
    account_label = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=40, blank=True)
    status_changed_at = models.DateTimeField()
    scopes_requested = models.JSONField(default=list)
    scopes_granted = models.JSONField(default=list)
    # Values of the provider's placeholders (a subdomain, an instance URL): from the person, the callback or the answer.
    params = models.JSONField(default=dict)
    is_shared = models.BooleanField(default=False)
    # After a hand-over, until somebody reconnects it: whose grant or key it still is. The name outlives the person.
    handed_over_from = models.CharField(max_length=250, blank=True)
    handed_over_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "status"], name="connection_team_status"),
            models.Index(fields=["team", "integration"], name="connection_team_integration"),
            models.Index(fields=["status_reason"], condition=~Q(status_reason=""), name="connection_red"),
        ]

    def __str__(self) -> str:
        return self.name


class TokenSet(SealedRow):
    """The secrets of an OAuth connection, with the lease and version that keep their refresh safe.

    Times are the database's clock. `version` only grows; it is the fence of every write to the tokens.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="token_set")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    access_token = EncryptedField()
    refresh_token = EncryptedField()
    # Further secrets of the token answer that the provider's data says to keep, as JSON.
    kept_secrets = EncryptedField()
    token_type = models.CharField(max_length=40, default="bearer")
    access_token_fp = models.CharField(max_length=64, blank=True)
    # `OAuthApp.client_key` of the client that the tokens were given to.
    client_key = models.CharField(max_length=64, blank=True)
    obtained_at = models.DateTimeField()
    # Empty: the service did not say, or the token does not end.
    expires_at = models.DateTimeField(null=True)
    version = models.PositiveBigIntegerField(default=1)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Set immediately before a refresh request leaves, with the fingerprint of the refresh token that it carries.
    sent_at = models.DateTimeField(null=True)
    sent_token_fp = models.CharField(max_length=64, blank=True)
    # How often the present refresh token was sent without an answer that settles what became of it.
    unresolved_sends = models.PositiveSmallIntegerField(default=0)
    next_refresh_at = models.DateTimeField(null=True)
    # While a due refresh is in a worker's hands: until then nobody else is given it.
    given_out_until = models.DateTimeField(null=True)
    failure_count = models.PositiveIntegerField(default=0)
    last_failure = models.CharField(max_length=60, blank=True)
    last_failure_at = models.DateTimeField(null=True)

    objects = TokenSetQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["next_refresh_at"], condition=Q(next_refresh_at__isnull=False), name="token_set_due"),
            # Few are; operators ask how many every few seconds.
            models.Index(
                fields=["unresolved_sends"], condition=Q(unresolved_sends__gt=0), name="token_set_interrupted"
            ),
            models.Index(
                fields=["given_out_until"], condition=Q(given_out_until__isnull=False), name="token_set_given_out"
            ),
        ]

    def __str__(self) -> str:
        return f"Token set of {self.connection_id}, version {self.version}"

    @property
    def renewing_grant(self) -> str:
        """What gives a new access token without anybody's consent: refresh_token, client_credentials, or ""."""
        if self.refresh_token is not None:
            return "refresh_token"
        has_own_client = self.connection.integration.kind == Integration.Kind.CLIENT_CREDENTIALS
        return "client_credentials" if has_own_client else ""


class Credential(SealedRow):
    """What a person entered to sign in with: a key, a user name and password, a client ID and secret."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="credential")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    # The catalogue's [[fields]] by name, as JSON; those that are no secret too, since they belong together.
    fields = EncryptedField()
    created_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)
    # `Integration.places_key` of a team's own API as it was when somebody entered this.
    places_key = models.CharField(max_length=64, blank=True)
    # When the service last accepted it in a call made for that; empty: not known to work.
    checked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Credential of {self.connection_id}"


class AuthorizationAttempt(SealedRow):
    """One trip to the service's consent page and back. Its state is stored as a hash and consumed once."""

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting for the service"
        EXCHANGING = "exchanging", "Answer received"
        # Another account than the connection's answered: the person decides what becomes of it.
        UNDECIDED = "undecided", "Another account answered"
        SUCCEEDED = "succeeded", "Connected"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    oauth_app = models.ForeignKey(OAuthApp, on_delete=models.CASCADE, related_name="+")
    # The connection to repair; empty for a new one, until it succeeded.
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="+")
    state_hash = models.CharField(max_length=64, unique=True, editable=False)
    session_hash = models.CharField(max_length=64, editable=False)
    redirect_uri = models.CharField(max_length=500)
    code_verifier = EncryptedField()
    scopes_requested = models.JSONField(default=list)
    params = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    error_code = models.CharField(max_length=60, blank=True)
    error_sentence = models.CharField(max_length=500, blank=True)
    # While undecided: the token answer and the account that it belongs to.
    pending_tokens = EncryptedField()
    pending_account = models.JSONField(default=dict)
    return_path = models.CharField(max_length=500, blank=True)
    in_popup = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["status", "expires_at"], name="attempt_status_expiry")]

    def __str__(self) -> str:
        return f"Authorization attempt {self.pk}"


class ConnectSession(models.Model):
    """A link with which one member is asked to connect a service, or to repair a connection. Only a hash of its token
    is stored. What became of it is read from the trip that it began, and noted here once it succeeded."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    member = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    # The connection to repair (`repairs`), or the one that came of it.
    connection = models.ForeignKey(Connection, null=True, on_delete=models.SET_NULL, related_name="+")
    repairs = models.BooleanField(default=False)
    # Who made it, as the audit log names callers.
    asked_by_kind = models.CharField(max_length=10)
    asked_by_id = models.CharField(max_length=36)
    asked_by_label = models.CharField(max_length=200)
    scopes = models.JSONField(default=list)
    return_url = models.CharField(max_length=500, blank=True)
    login_hint = models.CharField(max_length=200, blank=True)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    attempt = models.ForeignKey(AuthorizationAttempt, null=True, on_delete=models.SET_NULL, related_name="+")
    connected_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="connect_session_age")]

    def __str__(self) -> str:
        return f"Connect session {self.pk}"


class ConnectionShare(models.Model):
    """A permission level on a shared connection: everyone's where `user` is empty, else one member's own."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.USE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "user"], name="one_share_per_member"),
            models.UniqueConstraint(
                fields=["connection"], condition=Q(user=None), name="one_share_for_everyone_per_connection"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} for {self.user or 'everyone'}"


class Beat(models.Model):
    """When each round of the schedule last began, wherever that was: one row for each name."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
