"""What a scenario does to an answer before the sandbox has even looked at the question."""

import time

from django.http import HttpResponse
from django.shortcuts import render

from .models import Consent
from .scenarios import RETRY_AFTER_SECONDS, SLOW_SECONDS, Scenario


def answer_instead(consent: Consent | None) -> HttpResponse | None:
    """The faulty answer that `consent` asks for, or None if the real one shall come (after a while if it is slow).

    Call it outside transactions: it may wait.
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
        return render(None, "sandbox/instead_of_json.html")
    return None


def outcome(response: HttpResponse) -> str:
    """How the journal names a faulty answer."""
    return "unavailable" if response.status_code == 503 else "html"
