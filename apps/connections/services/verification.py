"""The request that verifies a key and finds its account, before anything is stored."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from apps import egress
from apps.connections.errors import KeyNotChecked, KeyRefused
from apps.integrations.catalog.key_schema import Verification
from apps.oauth.documents import json_value, text_at
from apps.oauth.errors import MalformedResponse
from apps.oauth.paths import passes
from apps.oauth.signing import Credentials, RequestParts

# Seconds: long enough for a slow service, short enough for a person who waits at a form.
DEADLINE = 10.0
_MAX_RESPONSE = 1_000_000
# Statuses that do not say whether the key is valid.
_TRANSIENT = (408, 425, 429)


@dataclass(frozen=True)
class Checked:
    """The result of a verification: the account's stable ID and label, and its HTTP status, if known."""

    subject: str = ""
    label: str = ""
    status: int | None = None

    @property
    def was_made(self) -> bool:
        return self.status is not None


def verify(service: str, call: Verification | None, access: Credentials) -> Checked:
    """Send the request. Raises KeyRefused with the service's status, or KeyNotChecked if the result is inconclusive."""
    if call is None:
        return Checked()
    body = None if call.body is None else call.body.encode()
    headers = {"Accept": "application/json", **call.headers}
    parts = access.sign(RequestParts(call.method, call.url, headers, body))
    try:
        with egress.session(deadline=DEADLINE, max_bytes=_MAX_RESPONSE) as session:
            answer = session.request(parts.method, parts.url, headers=dict(parts.headers), data=parts.body)
    except egress.EgressError as error:
        raise KeyNotChecked(
            gettext_noop("%(service)s could not be reached. %(error)s") % {"service": service, "error": error}
        ) from None
    return _read(service, call, answer.status_code, answer.content)


def _read(service: str, call: Verification, status: int, body: bytes) -> Checked:
    document = _json(body)
    if status in call.limited_statuses and passes(call.limited_check, document):
        return Checked(status=status)
    if status in _TRANSIENT or status >= 500 or 300 <= status < 400:
        raise KeyNotChecked(
            gettext_noop("%(service)s responded with HTTP status %(status)s, so the key could not be verified.")
            % {"service": service, "status": status}
        )
    if status >= 400:
        raise KeyRefused(
            gettext_noop("This key was rejected by %(service)s (HTTP status %(status)s).")
            % {"service": service, "status": status},
            answered=status,
        )
    if document is None:
        raise KeyNotChecked(
            gettext_noop("The response does not look like one of %(service)s: it is not JSON.") % {"service": service}
        )
    if not passes(call.success_check, document):
        raise KeyRefused(
            gettext_noop("This key was rejected by %(service)s, in a response with HTTP status %(status)s.")
            % {"service": service, "status": status},
            answered=status,
        )
    label = next((found for path in call.label_paths if (found := text_at(document, path))), "")
    return Checked(subject=text_at(document, call.subject_path) or label, label=label, status=status)


def _json(body: bytes) -> Any:
    try:
        return json_value(body)
    except MalformedResponse:
        return None
