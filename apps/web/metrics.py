"""/metrics for Prometheus: what all processes counted, and gauges of the database and the disk as they stand now."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
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
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apps.connections.services.heartbeat import last_heartbeat
from apps.web import operations


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """In Prometheus' text format, to whoever sends METRICS_TOKEN as a bearer token. Without that setting, 404."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        sentence = "Send METRICS_TOKEN as a bearer token.\n"
        return HttpResponse(sentence, status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(counted(settings.METRICS_DIR) + gauges(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def counted(folder: Path) -> bytes:
    """The sums over all processes that count in `folder`, dead ones included."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # the library has no types here
    with _alone(folder):
        _add_up_the_dead(folder)
        return generate_latest(registry)


def gauges() -> bytes:
    registry = CollectorRegistry()
    registry.register(Gauges())
    return generate_latest(registry)


class Gauges(Collector):
    """Asked when Prometheus asks, and the same in every process. Without the database, the disk's alone."""

    def collect(self) -> Iterator[Metric]:
        yield _gauge("spool_files", "New tokens that wait on disk for the database.", operations.spool_size())
        try:
            found = list(_of_the_database())
        except DatabaseError:
            found = []
        yield _gauge("database_reachable", "1 if the database answers.", bool(found))
        yield from found


def _of_the_database() -> Iterator[Metric]:
    queue, beat, apps = (
        operations.queue(),
        operations.seconds_since(last_heartbeat()),
        operations.oauth_apps_in_trouble(),
    )
    yield _gauge("refreshes_due", "Refreshes that are due and that nobody is at.", queue.due)
    yield _gauge("refresh_oldest_due_seconds", "For how long the oldest of them has been due.", queue.oldest_overdue)
    interrupted = "Token sets whose last refresh was interrupted, its outcome open."
    yield _gauge("token_sets_interrupted", interrupted, operations.interrupted())
    yield _gauge("oauth_apps_broken", "OAuth apps that their service refuses.", apps["broken"])
    yield _gauge("circuits_open", "OAuth apps whose service does not answer.", apps["silent"])
    if beat is not None:
        yield _gauge("last_beat_seconds", "For how long the schedule has not looked for due refreshes.", beat)
    by_status = GaugeMetricFamily("specway_connections", "Connections.", labels=["status", "reason"])
    for labels, count in operations.connections_by_status().items():
        by_status.add_metric(labels, count)
    yield by_status


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"specway_{name}", words, value=float(value))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One scrape after the other: a file that is being added up would be counted twice."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _add_up_the_dead(folder: Path) -> None:
    """Moves what dead processes counted into one file for each type, so that sums never fall and files never pile up.

    A crash in between counts one process twice, once.
    """
    for path in folder.glob("*_*.db"):
        kind, _, pid = path.stem.rpartition("_")
        if not pid.isdigit() or _is_alive(int(pid)):
            continue
        total = MmapedDict(folder / f"{kind}_dead.db")  # type: ignore[no-untyped-call]  # the library has no types here
        for key, value, _, _ in MmapedDict.read_all_values_from_file(path):  # type: ignore[no-untyped-call]  # as above
            total.write_value(key, total.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]  # as above
        total.close()  # type: ignore[no-untyped-call]  # as above
        path.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
