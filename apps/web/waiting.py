"""What waits for an operator, counted up to a limit: the numbers in the administration's navigation."""

from django.db.models import QuerySet

from apps.connections.models import Connection, Status
from apps.integrations.models import OAuthApp, ServiceRequest

# Beyond this many, a number says no more.
MOST_WAITING = 999


def waiting_connections() -> int:
    """Connections that need attention, up to MOST_WAITING + 1."""
    # The reason as well, by which a partial index finds them.
    return _count(Connection.objects.filter(status=Status.NEEDS_ATTENTION).exclude(status_reason=""))


def rejected_oauth_apps() -> int:
    """OAuth apps that their service rejects, up to MOST_WAITING + 1."""
    return _count(OAuthApp.objects.filter(broken_since__isnull=False))


def open_requests() -> int:
    """Requests for services that are not set up yet, up to MOST_WAITING + 1."""
    return _count(ServiceRequest.objects.filter(answered_at=None))


def _count(rows: "QuerySet[Connection] | QuerySet[OAuthApp] | QuerySet[ServiceRequest]") -> int:
    return rows.order_by()[: MOST_WAITING + 1].count()
