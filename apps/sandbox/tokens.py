"""The token endpoint (RFC 6749, 3.2) and the revocation endpoint (RFC 7009)."""

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

# What django-oauth-toolkit's endpoints return: location, headers, body, status.
LibraryResponse = tuple[Any, dict[str, str], str, int]


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    if code := request.POST.get("code"):
        consent = consents.of_code(code)
    else:
        consent = consents.of_refresh_token(request.POST.get("refresh_token", ""))
    return _respond(request, "token", consent, get_oauthlib_core().create_token_response)


@csrf_exempt
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    sent = request.POST.get("token", "")
    consent = consents.of_refresh_token(sent) or consents.of_access_token(sent)
    return _respond(request, "revoke", consent, get_oauthlib_core().create_revocation_response)


def _respond(
    request: HttpRequest, endpoint: str, consent: Consent | None, process: Callable[[HttpRequest], LibraryResponse]
) -> HttpResponse:
    entry: dict[str, Any] = {
        "endpoint": endpoint,
        "grant_type": request.POST.get("grant_type", ""),
        "client": _client_id(request),
    }
    if fault := faults.faulty_response(consent):
        journal.record(**entry, consent=consent, outcome=faults.outcome(fault), status=fault.status_code)
        return fault
    with transaction.atomic():
        if consent:
            # One request at a time per grant. django-oauth-toolkit validates a refresh token before it locks it, so
            # two concurrent refreshes would both succeed; with the lock the second one counts as reuse.
            Consent.objects.select_for_update().get(pk=consent.pk)
        _, headers, body, status = process(request)
        journal.record(**entry, consent=consent, outcome=_outcome(status, body), status=status)
    return HttpResponse(body or "", status=status, headers=headers)


def _outcome(status: int, body: str) -> str:
    return "ok" if status == 200 else str(json.loads(body).get("error", status))


def _client_id(request: HttpRequest) -> str:
    """The client ID in the body or in HTTP Basic, unverified: only for the journal."""
    kind, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if kind != "Basic":
        return request.POST.get("client_id", "")
    try:
        return unquote_plus(base64.b64decode(credentials).decode().partition(":")[0])
    except ValueError:
        return ""
