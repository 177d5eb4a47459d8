"""The values of a webhook besides its URL and events: format, filters, names of the caller's own, and headers."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop

from apps.notifications.models import Webhook
from apps.teams.errors import InvalidRequest
from apps.vault.services import seal

OTHERS = ("payload", "only_integrations", "only_tags", "external_id", "tags", "metadata")
MAX_HEADERS = 10
# RFC 9110 5.6.2 and 5.5, without obsolete octets.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[!-~]([ -~]{0,1998}[!-~])?")
# Those that frame the request, and those of Standard Webhooks.
_RESERVED = re.compile(
    r"content-.*|host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|proxy-.*|webhook-.*",
    re.IGNORECASE,
)


def plain_values(others: Mapping[str, Any]) -> dict[str, Any]:
    """Those of OTHERS that are given, for columns of the same names."""
    return {name: others[name] for name in OTHERS if others.get(name) is not None}


def store_headers(webhook: Webhook, headers: Mapping[str, str]) -> None:
    """Replace the further headers. Raises InvalidRequest (headers)."""
    _check(headers)
    text = json.dumps(dict(headers)) if headers else None
    names = sorted(headers)
    Webhook.objects.filter(pk=webhook.pk).update(header_names=names, **seal(webhook, headers=text))
    webhook.refresh_from_db()


def custom_headers(webhook: Webhook) -> dict[str, str]:
    """The further headers of each request. Raises UnreadableSecret."""
    stored: dict[str, str] = json.loads(webhook.headers.reveal()) if webhook.headers else {}
    return stored


def require_own_headers(webhook: Webhook, url: str, headers: Mapping[str, str] | None) -> None:
    """Raises InvalidRequest if the stored headers, which may have a secret, would be sent to another origin."""
    if headers is None and webhook.header_names and _origin(url) != _origin(webhook.url):
        raise InvalidRequest(
            gettext_noop("Send the headers again: the stored ones are not sent to another host."), field="headers"
        )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _check(headers: Mapping[str, str]) -> None:
    if len(headers) > MAX_HEADERS or len({name.lower() for name in headers}) < len(headers):
        raise InvalidRequest(
            gettext_noop("Send at most %(max_headers)s headers, each once.") % {"max_headers": MAX_HEADERS},
            field="headers",
        )
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or _RESERVED.fullmatch(name):
            raise InvalidRequest(
                gettext_noop("%(header)s is not a header that you can set.") % {"header": repr(name[:60])},
                field="headers",
            )
        if not _VALUE.fullmatch(value):
            raise InvalidRequest(
                gettext_noop("The value of %(header)s must be visible ASCII characters.") % {"header": name[:60]},
                field="headers",
            )
