"""/metrics for Prometheus: what all processes counted, and gauges of the current state of the database and the disk."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apps.connections.services.heartbeat import last_heartbeat
from apps.row_counts import EXACT_UP_TO
from apps.web import operations


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for requests with METRICS_TOKEN as a bearer token. Without that setting, 404."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        sentence = "Send METRICS_TOKEN as a bearer token.\n"
        return HttpResponse(sentence, status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(counted(settings.METRICS_DIR) + gauges(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def counted(folder: Path) -> bytes:
    """The sums over all processes that count in `folder`, dead ones included (the library's multiprocess mode).

    Each process leaves its files there; they go when the folder is emptied, which sets the counters back to zero
    (https://prometheus.github.io/client_python/multiprocess/). The library's `mark_process_dead` has nothing to remove:
    it is for live gauges, and all gauges here are read from the database and the disk.
    """
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))
    return generate_latest(registry)


def gauges() -> bytes:
    registry = CollectorRegistry()
    registry.register(Gauges())
    return generate_latest(registry)


class Gauges(Collector):
    """Collected at each scrape, and the same in every process. Without the database, only those of the disk."""

    def collect(self) -> Iterator[Metric]:
        yield _gauge("spool_files", "New tokens on disk that are not yet in the database.", operations.spool_size())
        try:
            found = list(_of_the_database())
        except DatabaseError:
            found = []
        yield _gauge("database_reachable", "1 if the database answers.", bool(found))
        yield from found


def _of_the_database() -> Iterator[Metric]:
    queue, apps = operations.queue(), operations.oauth_apps_in_trouble()
    heartbeat = operations.seconds_since(last_heartbeat())
    yield _gauge("refreshes_due", "Refreshes that are due and not in progress.", queue.due)
    yield _gauge("refresh_oldest_due_seconds", "How long the oldest of them has been due.", queue.oldest_overdue)
    interrupted = "Token sets whose last refresh was interrupted, with an unknown outcome."
    yield _gauge("token_sets_interrupted", interrupted, operations.interrupted())
    yield _gauge("oauth_apps_broken", "OAuth apps that their service rejects.", apps["broken"])
    yield _gauge("circuits_open", "OAuth apps whose service does not answer.", apps["silent"])
    if heartbeat is not None:
        yield _gauge("last_beat_seconds", "How long ago the scheduler last looked for due refreshes.", heartbeat)
    help_text = f"Connections. Above {EXACT_UP_TO:,} of a status, an estimate by the database's statistics."
    by_status = GaugeMetricFamily("specway_connections", help_text, labels=["status", "reason"])
    for labels, count in operations.connections_by_status().items():
        by_status.add_metric(labels, count.number)
    yield by_status


def _gauge(name: str, description: str, value: float) -> Metric:
    return GaugeMetricFamily(f"specway_{name}", description, value=float(value))
