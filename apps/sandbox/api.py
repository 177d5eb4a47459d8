"""The protected API: an account and its messages, behind bearer tokens (RFC 6750)."""

import json
from collections.abc import Callable
from datetime import UTC
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauth2_provider.www_authenticate import build_bearer_challenge, challenge_status

from . import consents, faults, journal
from .models import Consent, Message

View = Callable[[HttpRequest], HttpResponse]
ConsentView = Callable[[HttpRequest, Consent], HttpResponse]


def protected(scope: str) -> Callable[[ConsentView], View]:
    """Require a bearer token with `scope`, and record each call in the journal."""

    def decorate(view: ConsentView) -> View:
        @wraps(view)
        def guarded(request: HttpRequest) -> HttpResponse:
            consent = consents.of_access_token(_bearer_token(request))
            if response := faults.faulty_response(consent):
                outcome = faults.outcome(response)
            elif response := _refusal(request, scope):
                outcome = json.loads(response.content)["error"]
            else:
                assert consent is not None  # noqa: S101 - every access token belongs to a consent
                response = view(request, consent)
                outcome = "ok" if response.status_code < 400 else "invalid_request"
            endpoint = f"{request.method} {request.path}"
            journal.record(endpoint=endpoint, outcome=outcome, status=response.status_code, consent=consent)
            return response

        return guarded

    return decorate


def _refusal(request: HttpRequest, scope: str) -> JsonResponse | None:
    valid, checked = get_oauthlib_core().verify_request(request, scopes=[scope])
    if valid:
        return None
    # RFC 6750, 3.1: without a token, the challenge carries no error code.
    error = getattr(checked, "oauth2_error", None)
    if error and error["error"] == "insufficient_scope":
        error = {**error, "scope": scope}
    challenge = build_bearer_challenge(request, oauth2_error=error, realm="sandbox", resource_metadata_url=None)
    return JsonResponse(
        error or {"error": "missing_token"}, status=challenge_status(error), headers={"WWW-Authenticate": challenge}
    )


def _bearer_token(request: HttpRequest) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


@require_GET
@protected("profile")
def me(request: HttpRequest, consent: Consent) -> JsonResponse:
    """The account; `id` never changes."""
    if not consent.account_read:
        Consent.objects.filter(pk=consent.pk).update(account_read=True)
    account = consent.account
    return JsonResponse({"id": account.username, "name": account.first_name, "email": account.email})


@csrf_exempt
@require_http_methods(["GET", "POST"])
def messages(request: HttpRequest) -> HttpResponse:
    return read_messages(request) if request.method == "GET" else post_message(request)


@protected("messages:read")
def read_messages(request: HttpRequest, consent: Consent) -> JsonResponse:
    """The account's last hundred messages, oldest first."""
    newest = Message.objects.filter(account=consent.account).order_by("-id")[:100]
    return JsonResponse({"messages": [_as_json(message) for message in reversed(newest)]})


@protected("messages:write")
def post_message(request: HttpRequest, consent: Consent) -> JsonResponse:
    """Takes `{"text": "..."}`, up to 1000 characters."""
    text = _text_in(request)
    if not text:
        message = 'Send {"text": "..."} as JSON, with 1 to 1000 characters.'
        return JsonResponse({"error": "invalid_request", "error_description": message}, status=400)
    return JsonResponse(_as_json(Message.objects.create(account=consent.account, text=text)), status=201)


def _text_in(request: HttpRequest) -> str:
    if request.content_type != "application/json":
        return ""
    try:
        sent = json.loads(request.body)
    except ValueError:
        return ""
    text = sent.get("text") if isinstance(sent, dict) else None
    return text if isinstance(text, str) and len(text) <= 1000 and "\0" not in text else ""


def _as_json(message: Message) -> dict[str, object]:
    posted_at = message.posted_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"id": message.pk, "text": message.text, "posted_at": posted_at}
