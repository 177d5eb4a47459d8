"""Figures of operation from the database and the disk, for the health page and /metrics."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Count, F, Min, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.audit.models import REFRESHES, AuditEvent
from apps.connections.admin_filters import red_by_reason
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.services import spool
from apps.integrations.models import Integration, OAuthApp
from apps.row_counts import RowCount, row_count
from apps.sql import Now, database_now
from apps.vault import backends
from apps.vault.services import row_counts_per_key

SOON = timedelta(minutes=5)
DAY = timedelta(hours=24)
SECRET_EXPIRES_SOON = timedelta(days=60)
# The number of affected connections listed by name, and of the groups (a service and a reason) that are looked at.
NAMED, MOST_GROUPS = 5, 200

# Labels of `refresh_outcomes.Outcome`, and of a stale refresh.
OUTCOMES: dict[str, str | Promise] = {
    "not_sent": _("not reached"),
    "slow_down": _("rate limited"),
    "busy": _("service busy"),
    "unknown": _("outcome unknown"),
    "malformed": _("invalid response"),
    "grant_refused": _("grant refused"),
    "consent_required": _("consent required"),
    "client_refused": _("OAuth app rejected"),
    "request_refused": _("request refused"),
    "fenced": _("stale"),
}
REASONS: dict[str, str | Promise] = {
    "reauthorization_required": _("Grant ended or revoked"),
    "outcome_unknown": _("Outcome of a refresh unknown"),
    "token_refused": _("Token rejected"),
    "token_expired": _("Access token expired, no refresh token"),
    "oauth_app_changed": _("Belongs to the earlier OAuth app"),
    "address_changed": _("Key entered for an earlier address"),
    "values_missing": _("Required value missing"),
    "key_refused": _("Key refused"),
    "missing_scopes": _("Permission missing"),
    "integration_misconfigured": _("OAuth app rejected"),
    "service_unavailable": _("Service does not issue tokens"),
}


@dataclass(frozen=True)
class Queue:
    """The number of refreshes due now and within SOON, and seconds since the oldest was due (0: none is due)."""

    due: int
    soon: int
    oldest_overdue: float

    @property
    def lag(self) -> tuple[int, str]:
        """The overdue time as (number, unit)."""
        for limit, unit, word in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
            if self.oldest_overdue < limit:
                return int(self.oldest_overdue // unit), word
        return int(self.oldest_overdue // 86400), "d"


def queue() -> Queue:
    live = TokenSet.objects.exclude(connection__status=Status.DISCONNECTING)
    due = live.due_for_refresh(Now()).order_by().aggregate(n=Count("pk"), oldest=Min("next_refresh_at"), now=Min(Now()))
    soon = live.filter(next_refresh_at__gt=Now(), next_refresh_at__lte=Now() + SOON).count()
    overdue = (due["now"] - due["oldest"]).total_seconds() if due["n"] else 0.0
    return Queue(due=due["n"], soon=soon, oldest_overdue=max(overdue, 0.0))


def interrupted() -> int:
    """The number of token sets whose refresh was sent but whose outcome was never recorded, without a lease now."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return TokenSet.objects.filter(free, unresolved_sends__gt=0).count()


def connections_by_status() -> dict[tuple[str, str], RowCount]:
    """The number of connections by status and reason. That of the working ones is an estimate where it is large."""
    found = {(str(Status.NEEDS_ATTENTION), reason): RowCount(count) for reason, count in red_by_reason()}
    for status in (Status.ACTIVE, Status.DISCONNECTING):
        count = row_count(Connection.objects.filter(status=status))
        if count.number:
            found[str(status), ""] = count
    return found


def spool_size() -> int:
    """The number of spooled token responses that wait for the database."""
    return sum(1 for _ in spool.folder().glob("*.json"))


@dataclass
class Refreshes:
    """The refreshes of one integration: successes, and failures by label."""

    name: str
    succeeded: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> int:
        return self.failed.total()

    @property
    def total(self) -> int:
        return self.succeeded + self.failures

    @property
    def in_words(self) -> str:
        return ", ".join(f"{n} {label}" for label, n in self.failed.most_common())


def refreshes_of_a_day() -> list[Refreshes]:
    """The refreshes of the last 24 hours from the audit log, integrations with most failures first."""
    rows = (
        AuditEvent.objects.filter(action__in=REFRESHES, occurred_at__gte=timezone.now() - DAY)
        .order_by()
        .values_list("integration", "action", "detail__kind")
        .annotate(n=Count("pk"))
    )
    names = dict(Integration.objects.filter(team=None).values_list("slug", "name"))
    found: dict[str, Refreshes] = {}
    for slug, action, kind, n in rows:
        of = found.setdefault(slug, Refreshes(name=names.get(slug, slug)))
        if action == "connection.refreshed":
            of.succeeded += n
        else:
            kind = "fenced" if action == "connection.refresh_fenced" else kind or "unknown"
            of.failed[str(OUTCOMES.get(kind, kind))] += n
    return sorted(found.values(), key=lambda of: (-of.failures, -of.total, of.name))


@dataclass(frozen=True)
class Attention:
    """The connections of one integration that need attention for one reason."""

    name: str
    icon: str
    reason: str
    count: int
    slug: str
    code: str


def needing_attention() -> list[Attention]:
    """Connections that need attention by integration and reason, most first. Custom APIs are grouped by name."""
    red = Connection.objects.exclude(status_reason="").order_by()
    rows = red.values_list("integration", "status_reason").annotate(n=Count("*")).order_by("-n")[:MOST_GROUPS]
    services = Integration.objects.only("name", "icon", "slug").in_bulk({integration for integration, _, _ in rows})
    found: Counter[Attention] = Counter()
    for integration, code, count in rows:
        of = services[integration]
        found[Attention(of.name, of.icon, str(REASONS.get(code, code)), 0, of.slug, code)] += count
    counted = [replace(row, count=count) for row, count in found.items()]
    return sorted(counted, key=lambda row: (-row.count, row.name, row.reason))


@dataclass(frozen=True)
class AppAtRisk:
    """An OAuth app that its service rejects or whose secret expires soon, with the number of its connections.

    `days_left` is negative once the secret has expired, None if its expiry is not known. `names` are some of the
    connections.
    """

    app: OAuthApp
    dependents: int
    days_left: int | None
    names: list[str]

    @property
    def in_days(self) -> str:
        days = self.days_left or 0
        return ngettext("in %(n)s day", "in %(n)s days", days) % {"n": days}


def oauth_apps_at_risk(today: date) -> list[AppAtRisk]:
    """Rejected apps first, then by the expiry of their secret."""
    soon = Q(secret_expires_on__lte=today + SECRET_EXPIRES_SOON)
    live = ~Q(connections__status=Status.DISCONNECTING)
    at_risk = OAuthApp.objects.filter(Q(broken_since__isnull=False) | soon)
    rows = (
        at_risk.select_related("integration", "team")
        .annotate(dependents=Count("connections", filter=live))
        .order_by(F("broken_since").asc(nulls_last=True), "secret_expires_on", "pk")
    )
    names = _names_of_dependents(at_risk)
    return [AppAtRisk(app, app.dependents, _days(app.secret_expires_on, today), names[app.pk]) for app in rows]


def _days(ends: date | None, today: date) -> int | None:
    return (ends - today).days if ends else None


def _names_of_dependents(apps: QuerySet[OAuthApp]) -> dict[UUID, list[str]]:
    """Names of the first connections by the app's ID."""
    live = Connection.objects.filter(oauth_app__in=apps).exclude(status=Status.DISCONNECTING)
    rank = Window(RowNumber(), partition_by="oauth_app", order_by=["name", "pk"])
    few = live.annotate(rank=rank).filter(rank__lte=NAMED).order_by("rank")
    found: dict[UUID, list[str]] = defaultdict(list)
    for app, name in few.values_list("oauth_app", "name"):
        found[app].append(name)
    return found


def oauth_apps_in_trouble() -> dict[str, int]:
    """The number of "broken" apps (rejected by their service) and "silent" ones (their circuit breaker is open)."""
    is_broken, is_open = Q(broken_since__isnull=False), Q(circuit_open_until__isnull=False)
    return OAuthApp.objects.aggregate(
        broken=Count("pk", filter=is_broken), silent=Count("pk", filter=is_open & ~is_broken)
    )


def silent_services() -> list[str]:
    """Names of services with an open circuit breaker, which do not respond."""
    silent = OAuthApp.objects.filter(circuit_open_until__isnull=False, broken_since=None)
    return sorted(set(silent.values_list("integration__name", flat=True)))


@dataclass(frozen=True)
class Key:
    """A key that wraps data keys: the number of its rows, whether it is primary, whether it is configured."""

    kid: str
    rows: RowCount
    is_primary: bool
    is_known: bool


def vault_keys() -> list[Key]:
    """The primary key first, then by the number of rows."""
    backend = backends.active()
    rows = defaultdict(lambda: RowCount(0), row_counts_per_key())
    primary = backend.primary()
    kids = sorted({primary, *rows}, key=lambda kid: (kid != primary, -rows[kid].number, kid))
    return [Key(kid, rows[kid], kid == primary, backend.knows(kid)) for kid in kids]


def seconds_since(moment: datetime | None) -> float | None:
    """Seconds since `moment` by the database's clock, at least 0; None without one."""
    return None if moment is None else max((database_now() - moment).total_seconds(), 0.0)
