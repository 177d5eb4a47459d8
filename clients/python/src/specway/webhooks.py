"""Webhook messages, signed according to Standard Webhooks (https://www.standardwebhooks.com/)."""

from collections.abc import Mapping, Sequence
from typing import cast

from standardwebhooks import Webhook, WebhookVerificationError

from specway.errors import WebhookError
from specway.types import WebhookEvent


def verify_webhook(body: bytes | str, headers: Mapping[str, str], secret: str | Sequence[str]) -> WebhookEvent:
    """The message, if it is signed with the secret (or one of several) and at most five minutes old.

    `body` is the request's body as it came, unparsed. Raises WebhookError: respond with 401 then. The header
    `webhook-id` is the same for repeated messages.
    """
    named = {name.lower(): value for name, value in headers.items()}
    for each in [secret] if isinstance(secret, str) else secret:
        try:
            return cast(WebhookEvent, Webhook(each).verify(body, named))
        except WebhookVerificationError:
            continue
    raise WebhookError("The message is not signed with the webhook's secret, or it is too old")
