"""Authorization attempts, and the connect sessions that ask a member to start one."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.connections.models.connection import Connection
from apps.connections.models.sharing import Level
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import Team, User
from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow


class AuthorizationAttempt(SealedRow):
    """One authorization flow. Its state is stored as a hash and consumed once."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for the service")
        EXCHANGING = "exchanging", _("Response received")
        # Another account than the connection's was authorized: the person decides.
        UNDECIDED = "undecided", _("Another account was authorized")
        # The grant is for several sites, tenants or organizations: the person chooses one.
        CHOOSING = "choosing", _("A site has to be chosen")
        SUCCEEDED = "succeeded", _("Connected")
        FAILED = "failed", _("Failed")
        CANCELED = "canceled", _("Canceled")

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    oauth_app = models.ForeignKey(OAuthApp, on_delete=models.CASCADE, related_name="+")
    # The connection to reconnect; for a new one, set when it succeeded.
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="+")
    state_hash = models.CharField(max_length=64, unique=True, editable=False)
    session_hash = models.CharField(max_length=64, editable=False)
    redirect_uri = models.CharField(max_length=500)
    # `OAuthApp.client_key` when the flow was started: the code is for that client and those hosts only.
    client_key = models.CharField(max_length=64, blank=True, default="")
    # `Integration.revocation_version` when the flow was started.
    revocation_version = models.PositiveIntegerField(default=0, db_default=0)
    code_verifier = EncryptedField()
    scopes_requested = models.JSONField(default=list)
    params = models.JSONField(default=dict)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.PENDING)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    # While undecided or choosing: the token response, its account, and the sites to choose from.
    pending_tokens = EncryptedField()
    pending_account = models.JSONField(default=dict)
    # Once it succeeded: whether the account was connected already, what changed, and which earlier grant ended.
    result = models.JSONField(default=dict)
    return_path = models.CharField(max_length=500, blank=True)
    in_popup = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("authorization attempt")
        verbose_name_plural = _("authorization attempts")
        indexes = [models.Index(fields=["status", "expires_at"], name="attempt_status_expiry")]

    def __str__(self) -> str:
        return f"Authorization attempt {self.pk}"


class ConnectSession(models.Model):
    """A link with which one member is asked to connect a service or to reconnect a connection.

    Only a hash of its token is stored. It is pending until the authorization attempt that it started ends.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for the member")
        CONNECTED = "connected", _("Connected")
        # The session requested sharing, and the member declined that.
        CONNECTED_PERSONAL = "connected_personal", _("Connected, not shared")
        DECLINED = "declined", _("Declined by the person, or at the service")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Expired")
        CANCELED = "canceled", _("Canceled by a program")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    member = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    # The connection to reconnect (`repairs`), or the one that was created.
    connection = models.ForeignKey(Connection, null=True, on_delete=models.SET_NULL, related_name="+")
    repairs = models.BooleanField(default=False)
    # The caller that created it, as in the audit log.
    asked_by_kind = models.CharField(max_length=10)
    asked_by_id = models.CharField(max_length=36)
    asked_by_label = models.CharField(max_length=200)
    scopes = models.JSONField(default=list)
    # The level at which the connection is to be shared; empty: sharing is not requested.
    sharing_level = models.CharField(max_length=10, choices=Level.choices, blank=True)
    # With these members (user IDs); empty: with everyone in the team.
    sharing_members = models.JSONField(default=list)
    # The member's answer to that; None until there is one.
    sharing_accepted = models.BooleanField(null=True)
    # Passed on to the connection.
    external_id = models.CharField(max_length=200, blank=True, default="")
    tags = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    return_url = models.CharField(max_length=500, blank=True)
    login_hint = models.CharField(max_length=200, blank=True)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    attempt = models.ForeignKey(AuthorizationAttempt, null=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PENDING)
    # Why it ended without a connection: a stable code, and a message.
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    ended_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="connect_session_age"),
            models.Index(fields=["expires_at"], condition=Q(status="pending"), name="connect_session_open"),
        ]

    def __str__(self) -> str:
        return f"Connect session {self.pk}"
