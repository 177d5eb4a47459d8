"""The password hasher of client secrets."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ClientSecretHasher(PBKDF2PasswordHasher):
    """PBKDF2 with one iteration: 128 random characters cannot be guessed, and each token request pays for the hash."""

    iterations = 1
