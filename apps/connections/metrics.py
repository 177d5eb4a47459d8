"""What is counted of connections, for Prometheus. Services call these functions; `apps.web.metrics` shows the sums.

Labels hold no user data: a service that a team described itself is called "custom". Every metric has a label, since
one without would open its file in each process that only imports this, such as `manage.py migrate`.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

from prometheus_client import Counter, Histogram

from apps.integrations.models import Integration

logger = logging.getLogger(__name__)

P = ParamSpec("P")

REFRESHES = Counter("specway_refreshes", "Refreshes by how they ended.", ["integration", "outcome"])
TOKEN_CALLS = Histogram(
    "specway_token_call_seconds",
    "How long token endpoints took to answer, or not to.",
    ["integration", "grant"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20),
)
LEASE_WAITS = Histogram(
    "specway_lease_wait_seconds",
    "How long readers waited for somebody else's refresh.",
    ["integration"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 25),
)
STALE_WRITES = Counter("specway_fenced_writes", "New tokens that came too late to be stored.", ["arrival"])
COMMITS = Counter("specway_commits_without_database", "Commits of new tokens that met no database.", ["step"])
PROXY_CALLS = Counter("specway_proxy_calls", "Calls through connections by how they ended.", ["integration", "outcome"])
PROXY_WAITS = Histogram(
    "specway_proxy_wait_seconds",
    "How long services took to begin their answer, retries included.",
    ["integration"],
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
HANDED_OUT = Counter("specway_tokens_handed_out", "Access tokens given to programs.", ["integration"])


def label_of(integration: Integration) -> str:
    """The integration as a label: its slug, or "custom" for one that a team described itself."""
    return integration.slug if integration.team_id is None else "custom"


def never_in_the_way(count: Callable[P, None]) -> Callable[P, None]:
    """Counting that fails (a full disk, a folder that is gone) is logged; a new token must not be lost by it."""

    @wraps(count)
    def counting(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except Exception as error:
            logger.warning("not counted: %s (%s)", getattr(count, "__name__", "count"), type(error).__name__)

    return counting


@never_in_the_way
def refreshed(integration: Integration, *, written: bool | None) -> None:
    """A refresh brought new tokens: they were written, fenced off, or (None) wait in the spool."""
    outcome = {True: "success", False: "fenced", None: "spooled"}[written]
    REFRESHES.labels(label_of(integration), outcome).inc()
    if written is False:
        STALE_WRITES.labels("direct").inc()


@never_in_the_way
def refresh_failed(integration: Integration, *, outcome: str) -> None:
    """A refresh failed; `outcome` is the value of a `refresh_policy.Outcome`."""
    REFRESHES.labels(label_of(integration), outcome).inc()


@never_in_the_way
def commit_retried() -> None:
    COMMITS.labels("retried").inc()


@never_in_the_way
def arrival_spooled() -> None:
    COMMITS.labels("spooled").inc()


@never_in_the_way
def arrival_replayed(*, written: bool) -> None:
    COMMITS.labels("replayed").inc()
    if not written:
        STALE_WRITES.labels("replayed").inc()


@never_in_the_way
def token_handed_out(integration: Integration) -> None:
    HANDED_OUT.labels(label_of(integration)).inc()


@never_in_the_way
def proxied(integration: Integration, *, outcome: str) -> None:
    """A call through a connection ended: "2xx" to "5xx", "cut_off", "client_gone", or the code of our own error."""
    PROXY_CALLS.labels(label_of(integration), outcome).inc()


@contextmanager
def proxy_wait(integration: Integration) -> Iterator[None]:
    """Times the wait inside for the head of a service's answer."""
    with _timed(PROXY_WAITS, label_of(integration)):
        yield


@contextmanager
def token_call(integration: Integration, *, grant: str) -> Iterator[None]:
    """Times the call to a token endpoint inside; `grant` is the grant type of RFC 6749."""
    with _timed(TOKEN_CALLS, label_of(integration), grant):
        yield


@contextmanager
def lease_wait(integration: Integration) -> Iterator[None]:
    """Times the wait inside for whoever holds the lease."""
    with _timed(LEASE_WAITS, label_of(integration)):
        yield


@contextmanager
def _timed(histogram: Histogram, *labels: str) -> Iterator[None]:
    # Its place in the file is made before anything is sent: on a full disk, the first touch of a mapped page kills.
    _make_room(histogram, *labels)
    started = time.monotonic()
    try:
        yield
    finally:
        _observe(histogram, time.monotonic() - started, *labels)


@never_in_the_way
def _make_room(histogram: Histogram, *labels: str) -> None:
    histogram.labels(*labels)


@never_in_the_way
def _observe(histogram: Histogram, seconds: float, *labels: str) -> None:
    histogram.labels(*labels).observe(seconds)
