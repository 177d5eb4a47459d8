"""The use of a connection: recorded with each call, and listed by workflow, by person and by day."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet, Sum
from django.utils.translation import ngettext

from apps.connections.models import Connection, DailyUse, ScopeUse, WorkflowCaller, WorkflowUse
from apps.connections.policy.sharing import sharing_of
from apps.sql import PreparedUpdate, param
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Membership

MAX_WORKFLOWS = 200
# The people who are named where somebody loses access.
MOST_NAMED = 10
# `last_used_at` is written at most this often; a write for each call would be wasted.
LAST_USED_PRECISION = timedelta(seconds=30)
# A scope counts as unused after ninety days, so an hour is precise enough.
SCOPE_USE_PRECISION = timedelta(hours=1)


def _increment_today() -> tuple[QuerySet[DailyUse], dict[str, Any]]:
    today = DailyUse.objects.filter(connection=param(DailyUse, "connection"), day=param(DailyUse, "day"))
    return today, {"calls": F("calls") + 1, "failures": F("failures") + param(DailyUse, "failures")}


_count_today = PreparedUpdate(_increment_today)


def count_use(connection: Connection, *, actor: Actor, now: datetime, failed: int = 0) -> None:
    """Count one call on the day of `now` (UTC), and record when and by which workflow the connection was used."""
    today: dict[str, Any] = {"connection": connection.pk, "day": now.date(), "failures": failed}
    if not _count_today(**today):
        DailyUse.objects.get_or_create(connection=connection, day=now.date())
        _count_today(**today)
    before = now - LAST_USED_PRECISION
    if connection.last_used_at is None or connection.last_used_at < before:
        outdated = Q(last_used_at=None) | Q(last_used_at__lt=before)
        Connection.objects.filter(outdated, pk=connection.pk).update(last_used_at=now)
    if actor.origin.workflow_id:
        name = {"name": actor.origin.workflow_name} if actor.origin.workflow_name else {}
        use, _ = WorkflowUse.objects.update_or_create(
            connection=connection,
            workflow_id=actor.origin.workflow_id,
            defaults={"last_used_at": now, "team_id": connection.team_id, **name},
        )
        _record_caller(use, actor=actor, now=now)


def count_refusal(connection_id: UUID, *, day: date) -> None:
    """Count a call or a token that we refused, on a day (UTC)."""
    today = DailyUse.objects.filter(connection=connection_id, day=day)
    if not today.update(refused=F("refused") + 1):
        DailyUse.objects.get_or_create(connection_id=connection_id, day=day)
        today.update(refused=F("refused") + 1)


def _record_caller(use: WorkflowUse, *, actor: Actor, now: datetime) -> None:
    caller = actor.api_key or actor.user
    if caller is None:
        return
    user = None if actor.is_service else actor.user
    known = WorkflowCaller.objects.filter(use=use, caller_id=caller.pk)
    if not known.update(last_used_at=now):
        WorkflowCaller.objects.get_or_create(use=use, caller_id=caller.pk, defaults={"user": user, "last_used_at": now})


def record_scope_use(connection: Connection, scopes: Iterable[str], *, now: datetime) -> None:
    """Record, in the caller's transaction, that a call needs these of the connection's granted scopes."""
    needed = {scope for scope in scopes if scope in connection.scopes_granted and len(scope) <= 300}
    if not needed:
        return
    rows = ScopeUse.objects.filter(connection=connection, scope__in=needed)
    known = set(rows.values_list("scope", flat=True))
    rows.filter(last_used_at__lt=now - SCOPE_USE_PRECISION).update(last_used_at=now)
    ScopeUse.objects.bulk_create(
        [ScopeUse(connection=connection, scope=scope, last_used_at=now) for scope in sorted(needed - known)],
        ignore_conflicts=True,
    )


@dataclass(frozen=True)
class Workflow:
    """A workflow that uses a connection, for `people` (their names) and through `keys` service keys."""

    id: str
    name: str
    connection: str
    last_used_at: datetime
    people: tuple[str, ...] = ()
    keys: int = 0

    def __str__(self) -> str:
        return self.name or self.id


@dataclass(frozen=True)
class Day:
    """The calls of one day (UTC)."""

    day: date
    calls: int
    failures: int
    refused: int = 0


@dataclass(frozen=True)
class Usage:
    """Days from the oldest to today."""

    days: tuple[Day, ...]

    @property
    def since(self) -> date:
        return self.days[0].day

    @property
    def until(self) -> date:
        return self.days[-1].day

    @property
    def calls(self) -> int:
        return sum(day.calls for day in self.days)

    @property
    def failures(self) -> int:
        return sum(day.failures for day in self.days)

    @property
    def refused(self) -> int:
        return sum(day.refused for day in self.days)


def workflows_of(connections: Iterable[Connection]) -> list[Workflow]:
    """The workflows that used any of the connections, most recently used first, at most `MAX_WORKFLOWS`."""
    return _listed(Q(connection__in=[connection.pk for connection in connections]))


def workflows_through_key(api_key: ApiKey) -> list[Workflow]:
    """The workflows that use a connection through this key, and stop when it is revoked."""
    return _listed(Q(callers__caller_id=api_key.pk, connection__team=api_key.team_id))


def workflows_of_people(connection: Connection, user_ids: Iterable[UUID], *, with_keys: bool) -> list[Workflow]:
    """The workflows that run for these people and, `with_keys`, those of service keys."""
    wanted = Q(callers__user__in=list(user_ids))
    if with_keys:
        wanted |= Q(callers__isnull=False, callers__user=None)
    return _listed(Q(connection=connection) & wanted)


def workflows_of_member(team_id: UUID, user_id: UUID) -> list[Workflow]:
    """The workflows that run for a member, through any connection of the team."""
    return _listed(Q(callers__user=user_id, connection__team=team_id))


def workflows_of_all(connections: QuerySet[Connection], *, most: int) -> list[Workflow]:
    """The same for the connections of a query, at most `most`."""
    return [_workflow(use) for use in _ordered(Q(connection__in=connections.values("pk")))[:most]]


def workflow_count(connections: QuerySet[Connection]) -> int:
    """The number of workflows that used any of the connections."""
    uses = WorkflowUse.objects.filter(connection__in=connections.values("pk"))
    return uses.order_by().values("workflow_id").distinct().count()


def workflows_by_connection(connections: Iterable[Connection]) -> dict[UUID, list[Workflow]]:
    """The same for each connection, by its ID, in a fixed number of queries."""
    found: dict[UUID, list[Workflow]] = defaultdict(list)
    for use in _ordered(Q(connection__in=[connection.pk for connection in connections])):
        if len(found[use.connection_id]) < MAX_WORKFLOWS:
            found[use.connection_id].append(_workflow(use))
    return found


@dataclass(frozen=True)
class People:
    """Some people by name, at most MOST_NAMED, and the number of all."""

    names: tuple[str, ...] = ()
    count: int = 0

    def __len__(self) -> int:
        return self.count

    def __str__(self) -> str:
        more = self.count - len(self.names)
        further = [ngettext("%(n)s more", "%(n)s more", more) % {"n": f"{more:,}"}] if more else []
        return ", ".join([*self.names, *further])


def names_of_members(team_id: UUID) -> dict[UUID, str]:
    """The names of a team's members by their ID, in order."""
    members = Membership.objects.filter(team=team_id).order_by("user__name", "user__email")
    rows = members.values_list("user_id", "user__name", "user__email")
    return {user_id: name or email for user_id, name, email in rows}


def others_with_access(connection: Connection, names: Mapping[UUID, str] | None = None) -> People:
    """The members, other than its owner, with whom it is shared. `names`: `names_of_members`, if known already."""
    sharing = sharing_of(connection)
    if not sharing.is_shared:
        return People()
    names = names_of_members(connection.team_id) if names is None else names
    wanted = names if sharing.everyone is not None else [each for each in names if each in sharing.members]
    others = (names[user_id] for user_id in wanted if user_id != connection.owner_id)
    return People(tuple(islice(others, MOST_NAMED)), len(wanted) - (connection.owner_id in wanted))


def usage_of(connection: Connection, *, days: int, today: date) -> Usage:
    """The last `days` days including `today`, those without a call too."""
    return usage_of_all(Connection.objects.filter(pk=connection.pk), days=days, today=today)


def usage_of_all(connections: QuerySet[Connection], *, days: int, today: date) -> Usage:
    """The sums of several connections, as `usage_of`."""
    since = today - timedelta(days=days - 1)
    rows = DailyUse.objects.filter(connection__in=connections.order_by().values("pk"), day__range=(since, today))
    sums = rows.order_by().values("day").annotate(c=Sum("calls"), f=Sum("failures"), r=Sum("refused"))
    by_day = {row["day"]: Day(row["day"], row["c"], row["f"], row["r"]) for row in sums}
    all_days = (since + timedelta(days=number) for number in range(days))
    return Usage(tuple(by_day.get(day) or Day(day, 0, 0) for day in all_days))


def _listed(wanted: Q) -> list[Workflow]:
    return [_workflow(use) for use in _ordered(wanted)[:MAX_WORKFLOWS]]


def _ordered(wanted: Q) -> QuerySet[WorkflowUse]:
    uses = WorkflowUse.objects.filter(pk__in=WorkflowUse.objects.filter(wanted).values("pk"))
    return uses.select_related("connection").prefetch_related("callers__user").order_by("-last_used_at", "pk")


def _workflow(use: WorkflowUse) -> Workflow:
    callers = list(use.callers.all())
    return Workflow(
        id=use.workflow_id,
        name=use.name,
        connection=use.connection.name,
        last_used_at=use.last_used_at,
        people=tuple(sorted({str(caller.user) for caller in callers if caller.user})),
        keys=sum(caller.user is None for caller in callers),
    )
