"""What can go wrong with a stored secret, in sentences that name keys and rows but never hold key material."""

from apps.errors import SpecwayError


class UnreadableSecret(SpecwayError):
    """A stored secret cannot be decrypted: its key is missing or wrong, or the row was tampered with. It is kept."""

    code, status, title, help = "unreadable_secret", 500, "Secret cannot be read", "unreadable-secret"


class UnwrapFailed(UnreadableSecret):
    """A row's data key could not be unwrapped, or wrapped by a key service that is away."""


class NotOurs(UnreadableSecret):
    """A ciphertext was altered, or sealed for another column, row, table or team."""


class SecretsStayWithTheirTeam(SpecwayError):
    """A row that has held secrets was given to another team, where they could never be decrypted."""

    code, status, title = "secrets_stay_with_their_team", 409, "Secrets stay with their team"
