"""Consents, messages and the journal. Clients and tokens are django-oauth-toolkit's models."""

from django.conf import settings
from django.db import models

from .scenarios import CHOICES, Scenario


class Consent(models.Model):
    """An approved authorization request. Its code and tokens share its scenario."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    application = models.ForeignKey("oauth2_provider.Application", on_delete=models.CASCADE)
    scope = models.TextField()
    scenario = models.CharField(
        max_length=20, choices=[(choice.scenario.value, choice.label) for choice in CHOICES], default=Scenario.WORKS
    )
    created_at = models.DateTimeField(auto_now_add=True)
    code_checksum = models.CharField(max_length=64, unique=True)
    # The family of its refresh tokens; null until the code is exchanged.
    token_family = models.UUIDField(null=True, unique=True)
    # The client has called /api/me (see scenarios.refuses_access).
    account_read = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"Grant {self.pk}"

    @property
    def scopes(self) -> list[str]:
        return self.scope.split()


class Message(models.Model):
    """A message posted through the API."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.CharField(max_length=1000)
    posted_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Message {self.pk}"


class JournalEntry(models.Model):
    """One request of a client, or one decision on the consent page."""

    at = models.DateTimeField(auto_now_add=True)
    endpoint = models.CharField(max_length=40)
    grant_type = models.CharField(max_length=40, blank=True)
    client = models.CharField(max_length=255, blank=True)
    account = models.CharField(max_length=255, blank=True)
    outcome = models.CharField(max_length=60)
    status = models.PositiveSmallIntegerField()
    # No foreign key: the journal outlives what it describes.
    grant_id = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.outcome}"
