"""Whether a response says that the access token has ended: by a 401, or by the signs of the service's own."""

from collections.abc import Sequence
from contextlib import suppress

from apps import egress
from apps.gateway.proxy.headers import joined_values, value_of
from apps.oauth.conditions import EndedTokenSign, matches
from apps.oauth.documents import json_value
from apps.oauth.errors import MalformedResponse

# Bytes of a body that are read for it; an error is never longer.
_MOST = 65_536
_UNAUTHORIZED = 401
# Types whose bodies end soon; those of streams (NDJSON, events) are never waited for.
_DOCUMENTS = frozenset({"application/json", "text/json", "text/plain", "text/html", "application/xml", "text/xml"})


def reads_bodies(signs: Sequence[EndedTokenSign]) -> bool:
    """Whether bodies have to be readable, so that no content coding is accepted."""
    return any(sign.reads_body for sign in signs)


def says_ended(response: egress.Response, signs: Sequence[EndedTokenSign]) -> bool:
    """Whether to refresh the token and repeat the call. The body can still be read from its beginning."""
    return response.status == _UNAUTHORIZED or _matches(response, signs)


def counts_as_rejected(response: egress.Response, signs: Sequence[EndedTokenSign]) -> bool:
    """Whether the response counts against the token or key.

    A sign that is only a status does not: after a refresh it is a refusal for another reason.
    """
    return response.status == _UNAUTHORIZED or _matches(response, [sign for sign in signs if sign.reads_body])


def _matches(response: egress.Response, signs: Sequence[EndedTokenSign]) -> bool:
    possible = [sign for sign in signs if not sign.statuses or response.status in sign.statuses]
    if not possible:
        return False
    text = _text(response) if reads_bodies(possible) else ""
    document = None
    with suppress(MalformedResponse):  # a text that is no JSON may have a description too
        document = json_value(text.encode())
    return any(matches(sign, status=response.status, document=document, text=text) for sign in possible)


def _text(response: egress.Response) -> str:
    """The body, if it is a document."""
    media_type = value_of(response.headers, "content-type").partition(";")[0].strip().lower()
    is_document = media_type in _DOCUMENTS or (media_type.endswith("+json") and "stream" not in media_type)
    if not is_document or joined_values(response.headers, "content-encoding") not in ("", "identity"):
        return ""
    return response.peek(_MOST).decode("utf-8", "replace")
