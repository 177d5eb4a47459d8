"""Where a connection is used: its workflows with those on whose behalf they run, and its calls day by day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from apps.connections.models import Connection, DailyUse, WorkflowUse
from apps.connections.policy.sharing import sharing_of
from apps.teams.models import ApiKey, Membership

MOST = 200


@dataclass(frozen=True)
class Workflow:
    """`people`: on whose behalf it used the connection; `keys`: how many service keys did so for nobody."""

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
    day: date
    calls: int
    failures: int


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


def workflows_of(connections: Iterable[Connection]) -> list[Workflow]:
    """Those that used any of the connections, lately used first, at most `MOST`."""
    return _listed(Q(connection__in=[connection.pk for connection in connections]))


def workflows_through_key(api_key: ApiKey) -> list[Workflow]:
    """Those that reach a connection with this key: what stops when it is revoked."""
    return _listed(Q(callers__caller_id=api_key.pk, connection__team=api_key.team_id))


def workflows_of_people(connection: Connection, user_ids: Iterable[UUID], *, with_keys: bool) -> list[Workflow]:
    """Those that run on behalf of these people; `with_keys`: and those of service keys."""
    on_behalf = Q(callers__user__in=list(user_ids))
    if with_keys:
        on_behalf |= Q(callers__isnull=False, callers__user=None)
    return _listed(Q(connection=connection) & on_behalf)


def workflows_of_member(team_id: UUID, user_id: UUID) -> list[Workflow]:
    """Those that run on behalf of a member, through whichever connection of the team."""
    return _listed(Q(callers__user=user_id, connection__team=team_id))


def others_with_access(connection: Connection) -> list[str]:
    """Names of the members beside its owner with whom it is shared. Its shares must be loaded, or are asked for."""
    sharing = sharing_of(connection)
    if not sharing.is_shared:
        return []
    others = Membership.objects.filter(team=connection.team_id).exclude(user=connection.owner_id)
    found = others.select_related("user").order_by("user__name", "user__email")
    return [str(one.user) for one in found if sharing.level_for(one.user_id)]


def usage_of(connection: Connection, *, days: int, today: date) -> Usage:
    """The last `days` days, `today` included, those without a call too."""
    since = today - timedelta(days=days - 1)
    rows = DailyUse.objects.filter(connection=connection, day__range=(since, today))
    found = {row.day: row for row in rows}
    every_day = (since + timedelta(days=number) for number in range(days))
    return Usage(
        tuple(
            Day(day, found[day].calls if day in found else 0, found[day].failures if day in found else 0)
            for day in every_day
        )
    )


def _listed(wanted: Q) -> list[Workflow]:
    uses = WorkflowUse.objects.filter(pk__in=WorkflowUse.objects.filter(wanted).values("pk"))
    found = uses.select_related("connection").prefetch_related("callers__user").order_by("-last_used_at", "pk")[:MOST]
    return [_workflow(use) for use in found]


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
