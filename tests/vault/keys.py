"""Keys and secrets that exist only while a test runs."""

import base64
import secrets


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def secret() -> str:
    return "secret-" + secrets.token_urlsafe(24)
