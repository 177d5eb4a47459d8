"""The endpoints that clients call without a person: tokens (RFC 6749 3.2) and revocation (RFC 7009)."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from oauth2_provider.oauth2_backends import get_oauthlib_core

from . import consents, faults, journal
from .models import Consent

# Of the library: location, headers, body, status.
Answer = tuple[Any, dict[str, str], str, int]


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    if code := request.POST.get("code"):
        consent = consents.of_code(code)
    else:
        consent = consents.of_refresh_token(request.POST.get("refresh_token", ""))
    return _answered(request, "token", consent, get_oauthlib_core().create_token_response)


@csrf_exempt
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    sent = request.POST.get("token", "")
    consent = consents.of_refresh_token(sent) or consents.of_access_token(sent)
    return _answered(request, "revoke", consent, get_oauthlib_core().create_revocation_response)


def _answered(
    request: HttpRequest, endpoint: str, consent: Consent | None, answer: Callable[[HttpRequest], Answer]
) -> HttpResponse:
    told: dict[str, Any] = {
        "endpoint": endpoint,
        "grant_type": request.POST.get("grant_type", ""),
        "client": _client_id(request),
    }
    if fault := faults.answer_instead(consent):
        journal.record(**told, consent=consent, outcome=faults.outcome(fault), status=fault.status_code)
        return fault
    with transaction.atomic():
        if consent:
            # One call at a time for each grant. The library checks a refresh token before it locks it, so two
            # refreshes at once would both pass; here the second one sees the rotation, and that is reuse.
            Consent.objects.select_for_update().get(pk=consent.pk)
        _, headers, body, status = answer(request)
        journal.record(**told, consent=consent, outcome=_outcome(status, body), status=status)
    return HttpResponse(body or "", status=status, headers=headers)


def _outcome(status: int, body: str) -> str:
    return "ok" if status == 200 else str(json.loads(body).get("error", status))


def _client_id(request: HttpRequest) -> str:
    """As the client says, in the body or by HTTP Basic; only for the journal."""
    kind, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if kind != "Basic":
        return request.POST.get("client_id", "")
    try:
        return unquote_plus(base64.b64decode(credentials).decode().partition(":")[0])
    except ValueError:
        return ""
