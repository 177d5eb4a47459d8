"""Proof Key for Code Exchange, method S256 (RFC 7636)."""

import base64
import hashlib
import secrets


def new_verifier() -> str:
    """A fresh code verifier: 86 characters, 512 random bits (RFC 7636 4.1)."""
    return secrets.token_urlsafe(64)


def challenge(verifier: str) -> str:
    """The S256 code challenge of a verifier: base64url of its SHA-256, unpadded (RFC 7636 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
