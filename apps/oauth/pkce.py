"""Proof Key for Code Exchange, method S256 (RFC 7636)."""

from oauthlib.oauth2 import WebApplicationClient


def new_verifier() -> str:
    """A new code verifier: 86 characters of 66 possible ones, more than 512 random bits (RFC 7636 4.1)."""
    return str(WebApplicationClient("").create_code_verifier(86))


def challenge(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636 4.2)."""
    return str(WebApplicationClient("").create_code_challenge(verifier, "S256"))
