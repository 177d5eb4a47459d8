"""Signatures of messages: Standard Webhooks, symmetric (https://www.standardwebhooks.com/). Pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"


def new_secret() -> str:
    """`whsec_` and 256 random bits in Base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(*, message_id: str, timestamp: int, body: str, keys: Sequence[str]) -> dict[str, str]:
    """The headers of an attempt. `timestamp` (seconds) is the time of the attempt; each key adds a signature."""
    signed = f"{message_id}.{timestamp}.{body}".encode()
    signatures = [hmac.new(_bytes_of(key), signed, hashlib.sha256).digest() for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def _bytes_of(key: str) -> bytes:
    return base64.b64decode(key.removeprefix(PREFIX))
