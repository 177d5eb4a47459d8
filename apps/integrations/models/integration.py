"""Integrations: the services that a team can connect to, built-in or custom APIs."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from apps.teams.actor import Actor
from apps.teams.models import Team


class IntegrationQuerySet(models.QuerySet["Integration", "Integration"]):
    def visible_to(self, actor: Actor) -> Self:
        """The built-in ones and the custom APIs of the actor's team."""
        return self.filter(Q(team=None) | Q(team=actor.team)) if actor.team else self.none()

    def with_slug(self, slug: str) -> Integration | None:
        """The one with this slug; the built-in one where a custom API of the team has the same. After `visible_to`."""
        return self.filter(slug=slug).order_by(F("team_id").asc(nulls_first=True)).first()

    def with_setup(self, actor: Actor) -> Self:
        """Annotates `is_set_up`: the actor's team can use an OAuth app, or none is needed.

        Also `is_misconfigured`: the service rejects that app.
        """
        own_or_operators = Q(oauth_apps__team=None) | Q(oauth_apps__team=actor.team)
        with_app = Integration.objects.filter(own_or_operators, pk=OuterRef("pk"), oauth_apps__isnull=False)
        needs_no_app = models.When(kind__in=KINDS_WITH_KEY, then=True)
        # The team's own app is used before the operator's.
        used_first = with_app.order_by(F("oauth_apps__team").asc(nulls_last=True))
        broken_since = models.Subquery(used_first.values("oauth_apps__broken_since")[:1])
        is_broken = models.Case(models.When(app_broken_since__isnull=False, then=True), default=False)
        rows = self.annotate(is_set_up=models.Case(needs_no_app, default=Exists(with_app)))
        return rows.annotate(app_broken_since=broken_since).annotate(is_misconfigured=is_broken)


class Callback(models.TextChoices):
    """Where the service redirects people after they consented; see redirect_uri.py."""

    OWN = "own", _("Its own")
    COMMON = "common", _("The common one")
    # Its own, at the address below the common one that earlier versions used.
    NESTED = "nested", _("Its own, at its earlier address")


class Integration(models.Model):
    """A service that a team can connect to: built-in (with a catalog entry of the same slug) or a custom API."""

    class Kind(models.TextChoices):
        OAUTH2 = "oauth2", "OAuth 2.0"
        CLIENT_CREDENTIALS = "oauth2_client_credentials", _("OAuth 2.0 client credentials")
        OAUTH1 = "oauth1", "OAuth 1.0a"
        API_KEY = "api_key", _("API key")
        BASIC = "basic", _("User name and password")
        NONE = "none", _("No authentication")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(_("slug"), max_length=100)
    name = models.CharField(_("name"), max_length=100)
    # Empty for built-in services.
    team = models.ForeignKey(
        Team, verbose_name=_("team"), null=True, blank=True, on_delete=models.CASCADE, related_name="integrations"
    )
    kind = models.CharField(_("kind"), max_length=30, choices=Kind.choices, default=Kind.OAUTH2)
    category = models.CharField(_("category"), max_length=40)
    description = models.CharField(_("description"), max_length=200, blank=True)
    icon = models.CharField(
        _("icon"), max_length=60, blank=True, help_text=_("Slug of the logo in Simple Icons; a monogram if empty.")
    )
    is_enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("If disabled, no new connections can be made.")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    # The catalog entry of a custom API, in the schema of the TOML files. Empty until its authentication is complete.
    definition = models.JSONField(null=True, blank=True, editable=False)
    # A hash of the URLs to which secrets of a custom API are sent (see custom_apis/definition.py). Credentials entered
    # for other URLs are not sent to them.
    base_url_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    # Incremented when the revocation URL of a custom API moves to another host; see connections' revocation_host.py.
    revocation_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # The callback of a custom API. The common one only by an explicit choice of an admin.
    callback = models.CharField(max_length=10, choices=Callback.choices, default=Callback.OWN, editable=False)

    objects = IntegrationQuerySet.as_manager()

    class Meta:
        verbose_name = _("integration")
        verbose_name_plural = _("integrations")
        constraints = [
            models.UniqueConstraint(fields=["slug"], condition=Q(team=None), name="one_built_in_integration_per_slug"),
            models.UniqueConstraint(fields=["team", "slug"], name="one_integration_per_team_and_slug"),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def signs_in_through_app(self) -> bool:
        """Whether people sign in on its consent page, through an OAuth app."""
        return self.kind in (self.Kind.OAUTH2, self.Kind.OAUTH1)

    @property
    def is_custom(self) -> bool:
        """Whether it is a custom API of a team."""
        return self.team_id is not None


# Services with a consent page need an OAuth app; for the others, people enter their own credentials.
KINDS_WITH_OAUTH_APP = (Integration.Kind.OAUTH2, Integration.Kind.OAUTH1)
KINDS_WITH_KEY = (
    Integration.Kind.API_KEY,
    Integration.Kind.BASIC,
    Integration.Kind.CLIENT_CREDENTIALS,
    Integration.Kind.NONE,
)
# The entered credentials are sent unchanged: there is no token, and nothing to revoke.
KINDS_SENT_AS_ENTERED = (Integration.Kind.API_KEY, Integration.Kind.BASIC, Integration.Kind.NONE)
