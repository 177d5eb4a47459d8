"""People, teams, memberships, invitations and API keys."""

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail address, for Django's commands and django-allauth."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, identified by the e-mail address. Staff are operators, who use the Django admin."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_staff = models.BooleanField(_("operator"), default=False, help_text=_("May use the admin."))
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("date joined"), default=timezone.now)
    # A name of the IANA time zone database, in which pages show times; UTC if empty.
    time_zone = models.CharField(max_length=64, blank=True, db_default="", default="", editable=False)
    # "light" or "dark"; the system's theme if empty.
    theme = models.CharField(max_length=5, blank=True, db_default="", default="", editable=False)
    # A code of LANGUAGES; if empty, pages are in the browser's language, and mail is in English.
    language = models.CharField(max_length=10, blank=True, db_default="", default="", editable=False)
    # A key of `apps.dates.FORMATS`; as usual in the language if empty.
    date_format = models.CharField(max_length=10, blank=True, db_default="", default="", editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_ignores_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)


class Team(models.Model):
    """The tenant: everything belongs to a team, and is visible in that team only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's membership in a team, with a role."""

    team = models.ForeignKey(Team, verbose_name=_("team"), on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, verbose_name=_("person"), on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    # The person closed the list of first steps.
    first_steps_closed = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_person_and_team")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class Invitation(models.Model):
    """A one-time link by which the owner of an e-mail address joins a team. Only its token's hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        User, verbose_name=_("invited by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_per_team_and_address",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.team}"

    def is_open_at(self, now: datetime) -> bool:
        """Whether it is neither accepted, revoked nor expired at `now`."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at


class ApiKey(models.Model):
    """A key of the REST API, `spw_<prefix>_<secret>`. Only the secret's hash is stored."""

    class Kind(models.TextChoices):
        PERSONAL = "personal", pgettext_lazy("kind of API key", "Personal")
        SERVICE = "service", pgettext_lazy("kind of API key", "Service")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_keys")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    # The member a personal key acts as. Of a service key, the admin who created it; the key stays if they leave.
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="api_keys")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    # After a rotation, the former prefix and hash, which are accepted until then.
    former_prefix = models.CharField(max_length=12, null=True, unique=True, editable=False)  # noqa: DJ001 - unique
    former_secret_hash = models.CharField(max_length=64, blank=True, db_default="", editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} (spw_{self.prefix}_…)"

    def is_valid_at(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class ServiceKeys(models.TextChoices):
    """What happens to the service keys that a member created, when the member is removed or demoted."""

    KEEP = "keep", _("Keep them")
    REVOKE = "revoke", _("Revoke them")


class IdempotentRequest(SealedRow):
    """A POST with an `Idempotency-Key`, and its response once there is one; see idempotency.py."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    # As rate limits name the caller: a member in the team, or a service key.
    caller = models.CharField(max_length=80)
    # Keyed hashes: bodies contain secrets.
    key_hash = models.CharField(max_length=64, editable=False)
    request_hash = models.CharField(max_length=64, editable=False)
    # Status and body as JSON.
    response = EncryptedField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "caller", "key_hash"], name="one_idempotent_request_per_key")
        ]

    def __str__(self) -> str:
        return f"Idempotent request {self.pk}"


class SecondFactorSecret(SealedRow):
    """The encrypted seed of a second factor. django-allauth stores this row's ID in place of the seed."""

    team_id = None  # it belongs to a person, not to a team
    secret = EncryptedField()

    def __str__(self) -> str:
        return f"Second factor {self.pk}"
