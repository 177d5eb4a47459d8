"""The sandbox's own pages: the grants with their scenarios, and the journal."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from . import accounts, consents, journal
from .models import Consent
from .scenarios import LATER_CHOICES, Scenario
from .scopes import LABELS


@never_cache
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    grants = [
        {
            "consent": consent,
            "account": accounts.label(consent.account),
            "live": consents.is_live(consent),
            "labels": [LABELS[scope] for scope in consent.scopes],
        }
        for consent in Consent.objects.select_related("account", "application").order_by("-id")[:30]
    ]
    context = {"grants": grants, "choices": LATER_CHOICES, "entries": journal.latest(60)}
    return render(request, "sandbox/home.html", context)


@require_POST
def change_scenario(request: HttpRequest, consent_id: int) -> HttpResponse:
    consent = get_object_or_404(Consent, pk=consent_id)
    scenario = request.POST.get("scenario", "")
    if scenario not in [choice.scenario for choice in LATER_CHOICES]:
        return problem(request, "Choose one of the scenarios in the list.")
    consents.change_scenario(consent, scenario=Scenario(scenario))
    return redirect("home")


@never_cache
@require_GET
def journal_json(request: HttpRequest) -> JsonResponse:
    """The last thousand entries, oldest first."""
    return JsonResponse(journal.as_json(reversed(journal.latest(1000))), safe=False)


def problem(request: HttpRequest, message: str, *, status: int = 400) -> HttpResponse:
    """An error page."""
    return render(request, "sandbox/problem.html", {"message": message}, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(request, "There is no such page in the sandbox.", status=404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return problem(
        request, "This form has no CSRF token or has expired. Go back, reload the page, and try again.", status=403
    )
