"""How client secrets are hashed here."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ClientSecretHasher(PBKDF2PasswordHasher):
    """One round: a secret of 128 random characters has no dictionary, and every token request checks it."""

    iterations = 1
