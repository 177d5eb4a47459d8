"""The circuit breaker of an OAuth app: while its service is down or refuses the client, one probe at a time asks.

Open means: no token call leaves until `circuit_open_until`; then whoever comes first is the probe, and its answer
closes the circuit or keeps it open. All of it is compare-and-swap by the database's clock, so every process agrees.
"""

from datetime import timedelta
from enum import Enum

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.integrations.models import OAuthApp

# So many different connections in a row must find the service silent: one that fails alone has a fault of its own.
OPENS_AFTER = 5
SHORTEST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
# How long a probe may take before the next one may try; longer than a token call's deadline.
PROBE_TIME = timedelta(seconds=30)
CLIENT_REFUSED_PAUSE = timedelta(minutes=5)


class Admission(Enum):
    """What the circuit says to a token call."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"  # open, and this caller tries whether the service answers again
    REFUSED = "refused"


def admit(oauth_app: OAuthApp) -> Admission:
    """Whether a token call may leave now. Costs a query only where the circuit was open when the row was read."""
    if oauth_app.circuit_open_until is None:
        return Admission.CLOSED
    app = OAuthApp.objects.filter(pk=oauth_app.pk)
    with transaction.atomic():
        if app.filter(circuit_open_until__lte=Now()).update(circuit_open_until=Now() + PROBE_TIME):
            return Admission.HALF_OPEN
        return Admission.REFUSED if app.filter(circuit_open_until__isnull=False).exists() else Admission.CLOSED


def record_no_response(oauth_app: OAuthApp) -> None:
    """One more connection got no answer, in the caller's transaction. The fifth in a row opens the circuit."""
    closed = OAuthApp.objects.filter(pk=oauth_app.pk, circuit_open_until=None)
    closed.update(circuit_failures=F("circuit_failures") + 1)
    closed.filter(circuit_failures__gte=OPENS_AFTER).update(circuit_open_until=Now() + SHORTEST_PAUSE)


def record_failed_probe(oauth_app: OAuthApp) -> None:
    """The probe got no answer either, in the caller's transaction: the next one comes after twice the pause."""
    app = OAuthApp.objects.filter(pk=oauth_app.pk, circuit_open_until__isnull=False)
    app.update(circuit_failures=F("circuit_failures") + 1)
    for failures in app.values_list("circuit_failures", flat=True):
        doublings = min(max(failures - OPENS_AFTER, 0), 10)
        app.update(circuit_open_until=Now() + min(SHORTEST_PAUSE * 2**doublings, LONGEST_PAUSE))


def close(oauth_app: OAuthApp, *, origin: Origin) -> None:
    """The service answered and accepts the client; written in the caller's transaction, where it is news."""
    if not oauth_app.circuit_failures and oauth_app.circuit_open_until is None and oauth_app.broken_since is None:
        return
    app = OAuthApp.objects.filter(pk=oauth_app.pk)
    app.update(circuit_failures=0, circuit_open_until=None)
    recovered = app.filter(~Q(broken_since=None)).update(broken_since=None, broken_code="")
    if recovered:
        record(
            action="oauth_app.recovered",
            origin=origin,
            team_id=oauth_app.team_id,
            target=Target("oauth_app", str(oauth_app.pk), str(oauth_app), oauth_app.integration.slug),
        )
