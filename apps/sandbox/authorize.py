"""The authorization endpoint (RFC 6749, 4.1.1 and 4.1.2): sign-in as one of two accounts, and the consent page."""

from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import login as sign_in
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauth2_provider.models import Application
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauthlib.oauth2 import InvalidRequestError

from . import accounts, consents, journal
from .pages import problem
from .scenarios import CHOICES, Scenario, lasting
from .scopes import SCOPES, in_order


@never_cache
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Choose an account and a scenario. Both apply to the authorization request in `next` only."""
    flow = request.GET.get("next", "")
    client = Application.objects.filter(client_id=_parameter(flow, "client_id")).first()
    if not flow.startswith(reverse("oauth2_provider:authorize") + "?") or client is None:
        return problem(request, "There is no authorization request to sign in for. Start at the client.")
    if request.method == "GET":
        return render(
            request, "sandbox/login.html", {"people": accounts.people(), "choices": CHOICES, "client": client}
        )
    account = next((one for one in accounts.people() if one.username == request.POST.get("account")), None)
    scenario = request.POST.get("scenario", Scenario.WORKS)
    if account is None or scenario not in [*Scenario]:
        return problem(request, "Choose one of the accounts and one of the scenarios.")
    if scenario == Scenario.OTHER_ACCOUNT:
        account = accounts.other_than(account)
    sign_in(request, account)
    request.session["scenario"] = scenario
    request.session["flow"] = consents.checksum(flow)
    return redirect(flow)


@never_cache
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Validate the authorization request, require a sign-in for it, then ask for consent."""
    try:
        scopes, credentials = get_oauthlib_core().validate_authorization_request(request)
        _require_s256(credentials)
    except FatalClientError as error:
        return problem(
            request, f"Invalid authorization request: {error.oauthlib_error.description or error.oauthlib_error}."
        )
    except OAuthToolkitError as error:
        return _error_redirect(error)
    if request.session.get("flow") != consents.checksum(request.get_full_path()):
        return redirect_to_login(request.get_full_path(), reverse("login"))
    if request.method == "POST":
        return _submit_consent(request, scopes, credentials)
    return _consent_page(request, scopes, credentials)


def _consent_page(request: HttpRequest, scopes: list[str], credentials: dict[str, Any]) -> HttpResponse:
    scenario = request.session["scenario"]
    requested = [scope for scope in SCOPES if scope.name in scopes]
    ticked = requested[:1] if scenario == Scenario.PARTIAL else requested
    context = {
        "client": Application.objects.get(client_id=credentials["client_id"]),
        "host": urlsplit(credentials["redirect_uri"]).netloc,
        "scopes": [(scope, scope in ticked) for scope in requested],
        "choice": next(choice for choice in CHOICES if choice.scenario == scenario),
        "only_deny": scenario == Scenario.DENY,
        "login_url": reverse("login") + "?" + urlencode({"next": request.get_full_path()}),
    }
    return render(request, "sandbox/consent.html", context)


def _submit_consent(request: HttpRequest, scopes: list[str], credentials: dict[str, Any]) -> HttpResponse:
    account, scenario = cast(User, request.user), Scenario(request.session["scenario"])
    granted = in_order(set(request.POST.getlist("permission")) & set(scopes))
    approved = request.POST.get("decision") == "approve" and bool(granted) and scenario != Scenario.DENY
    try:
        with transaction.atomic():
            uri, _, _, _ = get_oauthlib_core().create_authorization_response(
                request, " ".join(granted).split(), credentials | {"scenario": lasting(scenario)}, approved
            )
            consent = consents.of_code(_parameter(uri, "code"))
            journal.record(endpoint="authorize", outcome="approved", status=302, consent=consent)
    except OAuthToolkitError as error:
        journal.record(
            endpoint="authorize",
            outcome=error.oauthlib_error.error,
            status=302,
            client=credentials["client_id"],
            account=account,
        )
        uri = _error_redirect(error).url
    logout(request)  # the next authorization request chooses an account again
    return HttpResponseRedirect(uri)


def _require_s256(credentials: dict[str, Any]) -> None:
    # django-oauth-toolkit would refuse "plain" only after the consent.
    if credentials.get("code_challenge_method") != "S256":
        error = InvalidRequestError(description="code_challenge_method must be S256.", state=credentials.get("state"))
        raise OAuthToolkitError(error=error, redirect_uri=credentials["redirect_uri"])


def _error_redirect(error: OAuthToolkitError) -> HttpResponseRedirect:
    """Redirect to the client with `error` and the issuer, which RFC 9207 requires in error responses too."""
    uri = error.oauthlib_error.redirect_uri
    params = f"{error.oauthlib_error.urlencoded}&{urlencode({'iss': settings.SANDBOX_URL})}"
    return HttpResponseRedirect(f"{uri}{'&' if '?' in uri else '?'}{params}")


def _parameter(uri: str, name: str) -> str:
    return parse_qs(urlsplit(uri).query).get(name, [""])[0]
