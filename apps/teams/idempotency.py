"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a repeated POST has one effect and the same response.

A key belongs to a caller and is kept for a day. The first request claims it before it has an effect; its response is
stored encrypted, since it may contain secrets. A request that is refused has no effect and frees the key.
"""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_noop
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from apps.audit.services import fingerprint
from apps.errors import SpecwayError
from apps.rest.schema import IDEMPOTENCY_KEY_PATTERN
from apps.sql import Now
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.models import IdempotentRequest
from apps.teams.throttling import caller_key
from apps.vault.services import seal

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(days=1)
# Longer than any request takes. A claim that is older belongs to a process that died.
LONGEST_REQUEST = timedelta(minutes=2)
MAX_LENGTH = 255
Method = TypeVar("Method", bound=Callable[..., Response])


class KeyInUse(SpecwayError):
    """The first request with this key is still in progress."""

    code, status, title = "idempotency_key_in_use", 409, gettext_noop("The first request is in progress")


class KeyReused(SpecwayError):
    """The key was used for a request with another body or address."""

    code, status, title = "idempotency_key_reused", 422, gettext_noop("The key was used for another request")


class OutcomeUnknown(SpecwayError):
    """The process of the first request died, so it is not known whether the request had its effect."""

    code, status, title = (
        "idempotency_outcome_unknown",
        409,
        gettext_noop("The outcome of the first request is unknown"),
    )


def idempotent(method: Method) -> Method:
    """For the `post` of a view that creates something: honors `Idempotency-Key`."""

    @wraps(method)
    def post(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        text = request.headers.get(HEADER)
        if text is None:
            return method(view, request, *args, **kwargs)
        actor = actor_of(request)
        claim = {"key_hash": fingerprint(_checked(text)), "request_hash": _request_hash(request)}
        claimed, earlier = _claimed(actor, **claim)
        if earlier is not None:
            return earlier
        return _run(claimed, lambda: method(view, request, *args, **kwargs))

    cast(Any, post).is_idempotent = True  # read by StrictAutoSchema
    return cast(Method, post)


def delete_old() -> None:
    """Forget keys after a day."""
    IdempotentRequest.objects.filter(created_at__lt=Now() - KEPT_FOR).delete()


def _checked(text: str) -> str:
    """The key, with or without the quotes of a structured field. Raises ValidationError."""
    if not re.fullmatch(IDEMPOTENCY_KEY_PATTERN, text):
        raise ValidationError(
            {
                HEADER: [
                    gettext_noop("Use 1 to %(max_length)s visible ASCII characters, such as a UUID.")
                    % {"max_length": MAX_LENGTH}
                ]
            }
        )
    return text.strip('"')


def _request_hash(request: Request) -> str:
    """A keyed hash of method, address and body, which may contain secrets."""
    data: Any = request.data
    body = {name: _readable(value) for name, value in data.items()} if request.FILES else data
    return fingerprint(json.dumps([request.method, request.get_full_path(), body], sort_keys=True, cls=JSONEncoder))


def _readable(value: Any) -> Any:
    """An uploaded file as a hash of its content."""
    if not hasattr(value, "chunks"):
        return value
    content = b"".join(value.chunks())
    value.seek(0)
    return fingerprint(content.decode("latin-1"))


def _claimed(actor: Actor, *, key_hash: str, request_hash: str) -> tuple[IdempotentRequest, Response | None]:
    """A new claim, or the earlier request's response. Raises KeyInUse, KeyReused, OutcomeUnknown."""
    ours = IdempotentRequest.objects.filter(team=actor.team, caller=caller_key(actor), key_hash=key_hash)
    ours.filter(created_at__lt=Now() - KEPT_FOR).delete()
    row = IdempotentRequest(team=actor.team, caller=caller_key(actor), key_hash=key_hash, request_hash=request_hash)
    row.created_at = Now()
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        earlier = ours.annotate(is_stale=Q(created_at__lt=Now() - LONGEST_REQUEST)).first()
    else:
        return row, None
    if earlier is None:  # it was refused just now, which frees the key
        raise KeyInUse(
            gettext_noop("The first request with this key was just refused. Repeat this one."), retry_after=1
        )
    return earlier, _earlier_response(earlier, request_hash)


def _earlier_response(earlier: IdempotentRequest, request_hash: str) -> Response:
    if earlier.request_hash != request_hash:
        raise KeyReused(
            gettext_noop("This Idempotency-Key was used for another request within the last day. Use a new one.")
        )
    if earlier.response is None:
        if vars(earlier)["is_stale"]:  # annotated by `_claimed`
            raise OutcomeUnknown(
                gettext_noop(
                    "The first request with this key was interrupted. Check whether it had its effect, then use "
                    "a new key."
                )
            )
        raise KeyInUse(gettext_noop("The first request with this key is still in progress."), retry_after=2)
    stored = json.loads(earlier.response.reveal())
    headers = {"Idempotency-Replayed": "true", "Cache-Control": "no-store"}
    return Response(stored["body"], status=stored["status"], headers=headers)


def _run(claimed: IdempotentRequest, produce: Callable[[], Response]) -> Response:
    """The response of `produce`, stored. A refusal frees the key; any other exception leaves the outcome unknown."""
    rows = IdempotentRequest.objects.filter(pk=claimed.pk)
    try:
        response = produce()
    except (SpecwayError, APIException):
        rows.delete()
        raise
    text = json.dumps({"status": response.status_code, "body": response.data}, cls=JSONEncoder)
    rows.update(**seal(rows.get(), response=text))
    return response
