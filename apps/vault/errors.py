"""Errors of stored secrets. Their messages name key IDs, never key material."""

from django.utils.translation import gettext_noop

from apps.errors import SpecwayError


class UnreadableSecret(SpecwayError):
    """A stored secret cannot be decrypted: its key is missing or wrong, or the row was altered. The row is kept."""

    code, status, title, help = "unreadable_secret", 500, gettext_noop("Secret cannot be read"), "unreadable-secret"


class UnwrapFailed(UnreadableSecret):
    """A data key could not be unwrapped, or the key service is not available."""


class NotOurs(UnreadableSecret):
    """A ciphertext was altered, or encrypted for another column, row, table or team."""


class SecretsStayWithTheirTeam(SpecwayError):
    """A row with secrets was assigned to another team, where they could not be decrypted."""

    code, status, title = "secrets_stay_with_their_team", 409, gettext_noop("Secrets stay with their team")
