"""Scenarios that replace or delay a response before the request is processed."""

import time

from django.http import HttpResponse
from django.shortcuts import render

from .models import Consent
from .scenarios import RETRY_AFTER_SECONDS, SLOW_SECONDS, Scenario


def faulty_response(consent: Consent | None) -> HttpResponse | None:
    """The response of a service that is down or answers with HTML; None for the real response.

    Sleeps in the "slow" scenario, so call it outside of transactions.
    """
    if consent is None:
        return None
    if consent.scenario == Scenario.SLOW:
        time.sleep(SLOW_SECONDS)
    if consent.scenario == Scenario.DOWN:
        return HttpResponse(
            "The service is down for maintenance.\n",
            status=503,
            content_type="text/plain",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    if consent.scenario == Scenario.HTML:
        return render(None, "sandbox/html_instead_of_json.html")
    return None


def outcome(response: HttpResponse) -> str:
    """The journal's outcome for a faulty response."""
    return "unavailable" if response.status_code == 503 else "html"
