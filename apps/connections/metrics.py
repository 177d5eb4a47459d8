"""The Prometheus metrics of connections. Services call these functions; `apps.web.metrics` exports the sums.

Labels hold no user data: custom APIs are labeled "custom". Every metric has a label, since one without would open its
file in each process that imports this module, such as `manage.py migrate`.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from prometheus_client import Counter, Histogram

from apps.integrations.models import Integration

logger = logging.getLogger(__name__)

P = ParamSpec("P")
M = TypeVar("M", Counter, Histogram)

REFRESHES = Counter("specway_refreshes", "Refreshes by how they ended.", ["integration", "outcome"])
TOKEN_CALLS = Histogram(
    "specway_token_call_seconds",
    "How long token requests took, with or without a response.",
    ["integration", "grant"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20),
)
LEASE_WAITS = Histogram(
    "specway_lease_wait_seconds",
    "How long readers waited for another process's refresh.",
    ["integration"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 25),
)
STALE_WRITES = Counter("specway_fenced_writes", "New tokens that were stale and not stored.", ["arrival"])
COMMITS = Counter("specway_commits_without_database", "Commits of new tokens without a database.", ["step"])
PROXY_CALLS = Counter("specway_proxy_calls", "Calls through connections by how they ended.", ["integration", "outcome"])
PROXY_WAITS = Histogram(
    "specway_proxy_wait_seconds",
    "How long services took to send response headers, retries included.",
    ["integration"],
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
HANDED_OUT = Counter("specway_tokens_handed_out", "Access tokens issued to callers.", ["integration"])


# Bytes that are allocated for each of the process's files: some 4,000 numbers.
ALLOCATED = 1 << 20

_known: dict[tuple[object, tuple[str, ...]], Any] = {}


def label_of(integration: Integration) -> str:
    """The integration's label: its slug, or "custom" for a custom API."""
    return label(integration.slug, team_id=integration.team_id)


def label(slug: str, *, team_id: UUID | None) -> str:
    """As `label_of`, for an integration of which only these columns are known."""
    return slug if team_id is None else "custom"


def never_fails(count: Callable[P, None]) -> Callable[P, None]:
    """Log an error while counting (a full disk, a missing directory): it must not lose a new token."""

    @wraps(count)
    def counting(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except Exception as error:
            logger.warning("not counted: %s (%s)", getattr(count, "__name__", "count"), type(error).__name__)

    return counting


@never_fails
def refreshed(integration: Integration, *, written: bool | None) -> None:
    """Count a refresh with new tokens: committed, stale, or (None) in the spool."""
    outcome = {True: "success", False: "fenced", None: "spooled"}[written]
    _series(REFRESHES, label_of(integration), outcome).inc()
    if written is False:
        _series(STALE_WRITES, "direct").inc()


@never_fails
def refresh_failed(integration: Integration, *, outcome: str) -> None:
    """Count a failed refresh; `outcome` is the value of a `refresh_outcomes.Outcome`."""
    _series(REFRESHES, label_of(integration), outcome).inc()


@never_fails
def commit_retried() -> None:
    _series(COMMITS, "retried").inc()


@never_fails
def pending_spooled() -> None:
    _series(COMMITS, "spooled").inc()


@never_fails
def pending_replayed(*, written: bool) -> None:
    _series(COMMITS, "replayed").inc()
    if not written:
        _series(STALE_WRITES, "replayed").inc()


@never_fails
def token_handed_out(integration: str) -> None:
    """Count an access token; `integration` is its label."""
    _series(HANDED_OUT, integration).inc()


@never_fails
def proxied(integration: Integration, *, outcome: str) -> None:
    """Count a call through a connection; `outcome` is "2xx" to "5xx", "cut_off", "client_gone", or an error code."""
    _series(PROXY_CALLS, label_of(integration), outcome).inc()


@contextmanager
def proxy_wait(integration: Integration) -> Iterator[None]:
    """Time the wait for a service's response headers."""
    with _timed(PROXY_WAITS, label_of(integration)):
        yield


@contextmanager
def token_call(integration: Integration, *, grant: str) -> Iterator[None]:
    """Time a token request; `grant` is the grant type of RFC 6749."""
    with _timed(TOKEN_CALLS, label_of(integration), grant):
        yield


@contextmanager
def lease_wait(integration: Integration) -> Iterator[None]:
    """Time the wait for another process's lease."""
    with _timed(LEASE_WAITS, label_of(integration)):
        yield


@contextmanager
def _timed(histogram: Histogram, *labels: str) -> Iterator[None]:
    # Before anything is sent, so that an error while creating the series cannot be confused with one of the request.
    _create_series(histogram, *labels)
    started = time.monotonic()
    try:
        yield
    finally:
        _observe(histogram, time.monotonic() - started, *labels)


@never_fails
def _create_series(histogram: Histogram, *labels: str) -> None:
    _series(histogram, *labels)


@never_fails
def _observe(histogram: Histogram, seconds: float, *labels: str) -> None:
    _series(histogram, *labels).observe(seconds)


def _series(metric: M, *labels: str) -> M:
    """The series of these labels. Raises OSError if it is new and the disk is full.

    prometheus_client maps sparse files into memory, and writing to a page that the disk has no space for would kill the
    process with SIGBUS. So space is allocated before the library opens a file and long before the file is used up.
    """
    series: M | None = _known.get((metric, labels))
    if series is None:
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        for kind in ("counter", "histogram") if folder else ():
            _allocate(Path(folder or "") / f"{kind}_{os.getpid()}.db")
        series = _known[metric, labels] = metric.labels(*labels)
    return series


def _allocate(path: Path) -> None:
    """The library's files begin with the number of bytes in use, and double in size when they are used up."""
    with path.open("a+b") as file:
        used = int.from_bytes(os.pread(file.fileno(), 4, 0), sys.byteorder)
        try:
            os.posix_fallocate(file.fileno(), 0, max(ALLOCATED, 4 * used))
        except OSError:
            if not used:
                path.unlink()
            raise
