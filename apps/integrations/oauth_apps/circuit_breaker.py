"""The circuit breaker of an OAuth app: while its service is down or rejects the client, one probe is sent at a time.

While the circuit is open, no token call is sent until `circuit_open_until`; then the first caller is the probe, and its
result closes the circuit or keeps it open. Every change is a compare-and-swap by the database's clock, so all processes
agree.
"""

from datetime import timedelta
from enum import Enum

from django.db import transaction
from django.db.models import F, Q

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.integrations.models import OAuthApp
from apps.sql import Now

# Consecutive connections without a response that open the circuit; a single failing one has a fault of its own.
OPENS_AFTER = 5
SHORTEST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
# How long a probe may take before the next one is sent; longer than the deadline of a token call.
PROBE_TIME = timedelta(seconds=30)
CLIENT_REFUSED_PAUSE = timedelta(minutes=5)


class Admission(Enum):
    """Whether a token call may be sent."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"  # open, and this caller is the probe
    REFUSED = "refused"


def admit(oauth_app: OAuthApp) -> Admission:
    """Whether a token call may be sent now. Needs a query only if the circuit was open when the row was read."""
    if oauth_app.circuit_open_until is None:
        return Admission.CLOSED
    app = OAuthApp.objects.filter(pk=oauth_app.pk)
    with transaction.atomic():
        if app.filter(circuit_open_until__lte=Now()).update(circuit_open_until=Now() + PROBE_TIME):
            return Admission.HALF_OPEN
        return Admission.REFUSED if app.filter(circuit_open_until__isnull=False).exists() else Admission.CLOSED


def record_no_response(oauth_app: OAuthApp) -> None:
    """Count a connection without a response, in the caller's transaction. The fifth in a row opens the circuit."""
    closed = OAuthApp.objects.filter(pk=oauth_app.pk, circuit_open_until=None)
    closed.update(circuit_failures=F("circuit_failures") + 1)
    closed.filter(circuit_failures__gte=OPENS_AFTER).update(circuit_open_until=Now() + SHORTEST_PAUSE)


def record_failed_probe(oauth_app: OAuthApp) -> None:
    """The probe got no response either, in the caller's transaction: the pause before the next one doubles."""
    app = OAuthApp.objects.filter(pk=oauth_app.pk, circuit_open_until__isnull=False)
    app.update(circuit_failures=F("circuit_failures") + 1)
    for failures in app.values_list("circuit_failures", flat=True):
        doublings = min(max(failures - OPENS_AFTER, 0), 10)
        app.update(circuit_open_until=Now() + min(SHORTEST_PAUSE * 2**doublings, LONGEST_PAUSE))


def is_untroubled(oauth_app: OAuthApp) -> bool:
    """Whether no token call failed lately, so that there is nothing to close."""
    is_broken = oauth_app.broken_since is not None or oauth_app.broken_code
    return not oauth_app.circuit_failures and oauth_app.circuit_open_until is None and not is_broken


def close(oauth_app: OAuthApp, *, origin: Origin) -> None:
    """The service responded and accepts the client: close the circuit, in the caller's transaction."""
    if is_untroubled(oauth_app):
        return
    app = OAuthApp.objects.filter(pk=oauth_app.pk)
    app.update(circuit_failures=0, circuit_open_until=None)
    recovered = app.filter(~Q(broken_since=None, broken_code="")).update(broken_since=None, broken_code="")
    if recovered:
        record(
            action="oauth_app.recovered",
            origin=origin,
            team_id=oauth_app.team_id,
            target=Target("oauth_app", str(oauth_app.pk), str(oauth_app), oauth_app.integration.slug),
        )
