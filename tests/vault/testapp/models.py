"""Two tables with the same columns, so that a secret can be moved from one to the other."""

from django.db import models

from apps.vault.fields import EncryptedField
from apps.vault.models import SealedRow


class Account(SealedRow):
    team_id = models.UUIDField(null=True, blank=True)
    name = models.CharField(max_length=50, blank=True)
    password = EncryptedField()
    recovery = EncryptedField()

    def __str__(self) -> str:
        return self.name


class Safe(SealedRow):
    team_id = models.UUIDField(null=True, blank=True)
    password = EncryptedField()

    def __str__(self) -> str:
        return str(self.pk)
