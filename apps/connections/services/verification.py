"""One real call that shows whether access works and whose it is, before anything is stored."""

from dataclasses import dataclass
from typing import Any

from apps import egress
from apps.connections.errors import KeyNotChecked, KeyRefused
from apps.integrations.catalog.key_schema import Verification
from apps.oauth.errors import MalformedResponse
from apps.oauth.provider import passes
from apps.oauth.signing import Credentials, RequestParts
from apps.oauth.token_response import json_value, text_at

# Long enough for a slow service, short enough for somebody who waits at a form.
DEADLINE = 10.0
_MAX_ANSWER = 1_000_000
# Answers that say nothing about the key.
_TRANSIENT = (408, 425, 429)


@dataclass(frozen=True)
class Checked:
    """What a check came to: the account's stable ID and name as far as they are known, and whether it was made."""

    subject: str = ""
    label: str = ""
    status: int | None = None

    @property
    def was_made(self) -> bool:
        return self.status is not None


def verify(service: str, call: Verification | None, access: Credentials) -> Checked:
    """Make the call. Raises KeyRefused with the service's status, or KeyNotChecked where no answer tells."""
    if call is None:
        return Checked()
    body = None if call.body is None else call.body.encode()
    headers = {"Accept": "application/json", **call.headers}
    parts = access.sign(RequestParts(call.method, call.url, headers, body))
    try:
        with egress.session(deadline=DEADLINE, max_bytes=_MAX_ANSWER) as session:
            answer = session.request(parts.method, parts.url, headers=dict(parts.headers), data=parts.body)
    except egress.EgressError as error:
        raise KeyNotChecked(f"{service} could not be reached. {error}") from None
    return _read(service, call, answer.status_code, answer.content)


def _read(service: str, call: Verification, status: int, body: bytes) -> Checked:
    document = _json(body)
    if status in call.limited_statuses and passes(call.limited_check, document):
        return Checked(status=status)
    if status in _TRANSIENT or status >= 500 or 300 <= status < 400:
        raise KeyNotChecked(f"{service} answered with HTTP status {status}, which says nothing about the key.")
    if status >= 400:
        raise KeyRefused(f"{service} refuses what was entered: it answered with HTTP status {status}.", answered=status)
    if document is None:
        raise KeyNotChecked(f"What answered does not look like {service}: it sent no JSON.")
    if not passes(call.success_check, document):
        raise KeyRefused(
            f"{service} refuses what was entered, in an answer with HTTP status {status}.", answered=status
        )
    label = next((found for path in call.label_paths if (found := text_at(document, path))), "")
    return Checked(subject=text_at(document, call.subject_path) or label, label=label, status=status)


def _json(body: bytes) -> Any:
    try:
        return json_value(body)
    except MalformedResponse:
        return None
