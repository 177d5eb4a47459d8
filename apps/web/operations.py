"""How the product is doing, asked of the database and the disk: for the operators' page and the gauges of /metrics."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Count, F, Min, Q, QuerySet, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone

from apps.audit.models import REFRESHES, AuditEvent
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.services import spool
from apps.integrations.models import Integration, OAuthApp
from apps.vault import backends
from apps.vault.services import rows_per_key

SOON = timedelta(minutes=5)
DAY = timedelta(hours=24)
SECRET_EXPIRES_SOON = timedelta(days=60)
# How many connections at stake are named; the rest are counted.
NAMED = 5

# The outcomes of `refresh_policy.Outcome`, and a refresh that was overtaken, as operators read them.
OUTCOMES = {
    "not_sent": "not reached",
    "slow_down": "rate limited",
    "busy": "told to wait",
    "unknown": "outcome unknown",
    "malformed": "answer was no token",
    "grant_refused": "grant refused",
    "consent_required": "consent required",
    "client_refused": "OAuth app refused",
    "request_refused": "request refused",
    "fenced": "overtaken",
}
REASONS = {
    "reauthorization_required": "Grant ended or revoked",
    "outcome_unknown": "Outcome of a refresh unknown",
    "token_refused": "Token rejected",
    "token_expired": "Access ended, cannot be renewed",
    "oauth_app_changed": "Belongs to the earlier OAuth app",
    "address_changed": "Key entered for an earlier address",
    "values_missing": "Lacks a value that its API asks for",
    "key_refused": "Key refused",
    "missing_scopes": "Permission taken away",
    "integration_misconfigured": "OAuth app refused",
    "service_unavailable": "Service gives no token",
}


@dataclass(frozen=True)
class Queue:
    """What is due now and within SOON, and for how many seconds the oldest has been due (0: none is)."""

    due: int
    soon: int
    oldest_overdue: float

    @property
    def lag(self) -> tuple[int, str]:
        """The overdue time in the largest unit that says enough, and that unit."""
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
    """Token sets whose refresh token was sent by somebody who never settled what became of it, and is not at it now."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return TokenSet.objects.filter(free, unresolved_sends__gt=0).count()


def connections_by_status() -> dict[tuple[str, str], int]:
    """How many connections there are by status and reason."""
    rows = Connection.objects.order_by().values_list("status", "status_reason").annotate(n=Count("pk"))
    return {(status, reason): n for status, reason, n in rows}


def spool_size() -> int:
    """How many files of new tokens wait for the database."""
    return sum(1 for _ in spool.folder().glob("*.json"))


@dataclass
class Refreshes:
    """The refreshes of one integration: how many brought tokens, and how many ended how else."""

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
        return ", ".join(f"{n} {words}" for words, n in self.failed.most_common())


def refreshes_of_a_day() -> list[Refreshes]:
    """The refreshes of the last 24 hours as the audit log has them, integrations with the most failures first."""
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
            of.failed[OUTCOMES.get(kind, kind)] += n
    return sorted(found.values(), key=lambda of: (-of.failures, -of.total, of.name))


@dataclass(frozen=True)
class Attention:
    """Connections of one integration that need attention for one reason."""

    name: str
    icon: str
    reason: str
    count: int


def needing_attention() -> list[Attention]:
    """The most first. Services that teams described themselves are added up by name."""
    rows = (
        Connection.objects.filter(status=Status.NEEDS_ATTENTION)
        .order_by()
        .values_list("integration__name", "integration__icon", "status_reason")
        .annotate(n=Count("pk"))
    )
    found = [Attention(name, icon, REASONS.get(reason, reason), n) for name, icon, reason, n in rows]
    return sorted(found, key=lambda row: (-row.count, row.name, row.reason))


@dataclass(frozen=True)
class AppAtRisk:
    """An OAuth app that its service refuses, or whose secret ends soon or has ended, and how many connections need it.

    `days_left` is negative once the secret has ended, None where nobody said when it does. `names` are the first few
    of those connections.
    """

    app: OAuthApp
    at_stake: int
    days_left: int | None
    names: list[str]

    @property
    def in_days(self) -> str:
        return f"in {self.days_left} days"


def oauth_apps_at_risk(today: date) -> list[AppAtRisk]:
    """The refused ones first, then by the end of their secret."""
    soon = Q(secret_expires_on__lte=today + SECRET_EXPIRES_SOON)
    live = ~Q(connections__status=Status.DISCONNECTING)
    at_risk = OAuthApp.objects.filter(Q(broken_since__isnull=False) | soon)
    rows = (
        at_risk.select_related("integration", "team")
        .annotate(at_stake=Count("connections", filter=live))
        .order_by(F("broken_since").asc(nulls_last=True), "secret_expires_on", "pk")
    )
    names = _names_at_stake(at_risk)
    return [AppAtRisk(app, app.at_stake, _days(app.secret_expires_on, today), names[app.pk]) for app in rows]


def _days(ends: date | None, today: date) -> int | None:
    return (ends - today).days if ends else None


def _names_at_stake(apps: QuerySet[OAuthApp]) -> dict[UUID, list[str]]:
    """The first few connections of each app, by the app's ID."""
    live = Connection.objects.filter(oauth_app__in=apps).exclude(status=Status.DISCONNECTING)
    place = Window(RowNumber(), partition_by="oauth_app", order_by=["name", "pk"])
    few = live.annotate(place=place).filter(place__lte=NAMED).order_by("place")
    found: dict[UUID, list[str]] = defaultdict(list)
    for app, name in few.values_list("oauth_app", "name"):
        found[app].append(name)
    return found


def oauth_apps_in_trouble() -> dict[str, int]:
    """How many are "broken" (their service refuses them), and "silent" (it does not answer: their circuit is open)."""
    is_broken, is_open = Q(broken_since__isnull=False), Q(circuit_open_until__isnull=False)
    return OAuthApp.objects.aggregate(
        broken=Count("pk", filter=is_broken), silent=Count("pk", filter=is_open & ~is_broken)
    )


def silent_services() -> list[str]:
    """The names of services that do not answer: calls leave for them one at a time, until one is answered."""
    silent = OAuthApp.objects.filter(circuit_open_until__isnull=False, broken_since=None)
    return sorted(set(silent.values_list("integration__name", flat=True)))


@dataclass(frozen=True)
class Key:
    """A key that wraps data keys: how many rows need it, whether new rows get it, whether it can be asked."""

    kid: str
    rows: int
    is_primary: bool
    is_known: bool


def vault_keys() -> list[Key]:
    """The primary key first, then those with the most rows."""
    backend = backends.active()
    rows = rows_per_key()
    primary = backend.primary()
    kids = sorted({primary, *rows}, key=lambda kid: (kid != primary, -rows.get(kid, 0), kid))
    return [Key(kid, rows.get(kid, 0), kid == primary, backend.knows(kid)) for kid in kids]


def seconds_since(moment: datetime | None) -> float | None:
    """None where there was no such moment."""
    return None if moment is None else max((timezone.now() - moment).total_seconds(), 0.0)
