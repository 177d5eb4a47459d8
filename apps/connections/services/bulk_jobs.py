"""Jobs that change or check many connections: created by the API or a page, run by a worker, each one on its own.

The rows are the queue. A process claims a job for a while and stores the outcome of each connection at once, so that
one that dies leaves the rest to the next run.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop
from kombu.exceptions import OperationalError

from apps.audit.origin import Origin, Target
from apps.audit.querysets import was_done
from apps.audit.services import record
from apps.connections.models import BulkItem, BulkJob, Connection, Level
from apps.connections.policy.access import may_check, may_manage
from apps.connections.services.check import Outcome, check
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.share import share_with_everyone, transfer, unshare
from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.integrations.errors import InvalidInput
from apps.sql import Now, PreparedSelect, param
from apps.teams.actor import Actor, key_holder_actor, member_actor, service_actor
from apps.teams.models import ApiKey, Membership, Role

logger = logging.getLogger(__name__)

TASK = "connections.run_bulk_job"
# Longer than any single connection takes.
CLAIMED_FOR = timedelta(minutes=2)
# Seconds after which a run leaves the rest to the next one.
BUDGET = 45.0
RETENTION = timedelta(days=30)
_STATUS, _STATE, _ACTION = BulkJob.Status, BulkItem.State, BulkJob.Action


class AccessEnded(SpecwayError):
    """The key or the membership that the job was created with is no longer valid."""

    code, status, title = "access_ended", 403, gettext_noop("Access has ended")


@transaction.atomic
def start_job(
    *,
    actor: Actor,
    action: str,
    connections: Sequence[UUID],
    level: Level | None = None,
    owner: UUID | None = None,
    names: Mapping[UUID, str] | None = None,
) -> BulkJob:
    """Create a job and queue it after the commit. Whether the actor may change a connection is checked when it runs.

    `level` is for sharing, `owner` the ID of the new owner for handing over. `names` are those of connections that the
    actor sees. Raises NotAllowed, and InvalidInput if `owner` is not a member of the team.
    """
    if actor.team is None:
        raise NotAllowed(gettext_noop("A job belongs to a team."))
    if owner is not None and not Membership.objects.filter(team=actor.team, user=owner).exists():
        raise InvalidInput([("owner", gettext_noop("Choose a member of the team."))])
    job = BulkJob(team=actor.team, action=action, level=level or "", user=actor.user, api_key=actor.api_key)
    job.new_owner_id = owner
    job.asked_by_kind, job.asked_by_id = actor.origin.kind, actor.origin.id
    job.asked_by_label, job.created_at = actor.origin.label[:200], Now()
    job.save(force_insert=True)
    known = names or {}
    items = [BulkItem(job=job, connection_id=pk, name=known.get(pk, "")) for pk in dict.fromkeys(connections)]
    BulkItem.objects.bulk_create(items, batch_size=1000)
    _record("started", job, actor.origin, connections=len(items))
    transaction.on_commit(lambda: _queue(job.pk))
    return with_counts(BulkJob.objects.all()).get(pk=job.pk)


def jobs_of(actor: Actor) -> QuerySet[BulkJob]:
    """The jobs that the actor created; for owners and admins, all of the team. Annotated with the counts."""
    of_team = with_counts(BulkJob.objects.all()).filter(team=actor.team)
    if actor.is_admin:
        return of_team
    return of_team.filter(asked_by_kind=actor.origin.kind, asked_by_id=actor.origin.id)


def _running() -> QuerySet[BulkJob]:
    of_member = {"team": param(BulkJob, "team"), "user": param(BulkJob, "user")}
    jobs = BulkJob.objects.filter(**of_member, api_key=None, status=_STATUS.RUNNING)
    return jobs.order_by("-created_at")[:1]


_running_job = PreparedSelect(_running)


def running_job_of(actor: Actor) -> BulkJob | None:
    """The newest job that the member started on a page and that is still waiting or running."""
    return _running_job.one(team=team.pk, user=user.pk) if (team := actor.team) and (user := actor.user) else None


def with_counts(jobs: QuerySet[BulkJob]) -> QuerySet[BulkJob]:
    """Annotated with `total`, `succeeded`, `failed` and `pending`."""
    return jobs.annotate(
        total=Count("items"),
        succeeded=Count("items", filter=Q(items__state=_STATE.DONE)),
        failed=Count("items", filter=Q(items__state=_STATE.FAILED)),
        pending=Count("items", filter=Q(items__state=_STATE.PENDING)),
    )


@transaction.atomic
def cancel_job(*, actor: Actor, job: BulkJob) -> None:
    """Stop a job; what was done stays. Nothing happens if it has ended already."""
    if BulkJob.objects.filter(pk=job.pk, status=_STATUS.RUNNING).update(status=_STATUS.CANCELED, ended_at=Now()):
        _record("canceled", job, actor.origin)


def run_job(job_id: UUID) -> None:
    """Work on a job for a while, unless another process does. What is left is queued again."""
    open_job = BulkJob.objects.filter(pk=job_id, status=_STATUS.RUNNING)
    claimable = open_job.filter(Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    if not claimable.update(claimed_until=Now() + CLAIMED_FOR):
        return
    job, end = open_job.select_related("team").first(), monotonic() + BUDGET
    for item in job.items.filter(state=_STATE.PENDING).order_by("pk") if job else ():
        if monotonic() > end:
            open_job.update(claimed_until=None)
            _queue(job_id)
            return
        if not open_job.update(claimed_until=Now() + CLAIMED_FOR):
            return  # it was canceled
        _apply(item)
    open_job.update(status=_STATUS.DONE, ended_at=Now(), claimed_until=None)


def run_open_jobs() -> None:
    """Continue the jobs of processes that died, or whose task the broker lost; delete old ones."""
    unclaimed = BulkJob.objects.filter(status=_STATUS.RUNNING).filter(
        Q(claimed_until=None) | Q(claimed_until__lt=Now())
    )
    for job_id in list(unclaimed.order_by("created_at").values_list("pk", flat=True)[:20]):
        run_job(job_id)
    BulkJob.objects.exclude(status=_STATUS.RUNNING).filter(created_at__lt=Now() - RETENTION).delete()


def _apply(item: BulkItem) -> None:
    """Change one connection and store the outcome."""
    try:
        code, detail = _changed(item)
    except SpecwayError as error:
        code, detail = error.code, error.sentence
    values = {"state": _STATE.FAILED if code else _STATE.DONE, "code": code, "detail": detail[:500]}
    BulkItem.objects.filter(pk=item.pk).update(**values)


def _changed(item: BulkItem) -> tuple[str, str]:
    """ "" or the code of a failure, and what was done, as a message. Raises a domain error."""
    job = item.job
    actor = _actor_of(job)
    visible = Connection.objects.visible_to(actor).with_details().prefetch_related("shares")
    connection = visible.filter(pk=item.connection_id).first()
    if connection is None:
        if job.action == _ACTION.DISCONNECT and _was_disconnected(item, actor):
            return "", gettext_noop("It was disconnected already.")
        raise NotFound(gettext_noop("There is no such connection."))
    if job.action == _ACTION.CHECK:
        return _checked(actor, connection)
    return "", _CHANGES[BulkJob.Action(job.action)](job, actor, connection)


def _checked(actor: Actor, connection: Connection) -> tuple[str, str]:
    if not may_check(actor, connection):
        raise NotAllowed(gettext_noop("You are not allowed to check this connection. Ask its owner or an admin."))
    result = check(connection=connection, actor=actor)
    failed = result.outcome in (Outcome.REJECTED, Outcome.INCONCLUSIVE)
    return str(result.outcome) if failed else "", result.detail


def _share(job: BulkJob, actor: Actor, connection: Connection) -> str:
    share_with_everyone(actor=actor, connection=connection, level=Level(job.level))
    return gettext_noop("Shared with everyone in the team.")


def _unshare(job: BulkJob, actor: Actor, connection: Connection) -> str:
    unshare(actor=actor, connection=connection)
    return gettext_noop("It is personal.")


def _hand_over(job: BulkJob, actor: Actor, connection: Connection) -> str:
    if job.new_owner_id is None:
        raise NotFound(gettext_noop("The new owner’s account was deleted."))
    if connection.owner_id == job.new_owner_id:
        return gettext_noop("Belonged to %(owner)s already.") % {"owner": connection.owner}
    changed = transfer(actor=actor, connection=connection, to=job.new_owner_id)
    return gettext_noop("Belongs to %(owner)s now.") % {"owner": changed.owner}


def _disconnect(job: BulkJob, actor: Actor, connection: Connection) -> str:
    if not may_manage(actor, connection):
        raise NotAllowed(gettext_noop("You are not allowed to disconnect this connection. Ask its owner or an admin."))
    return disconnect(actor=actor, connection=connection).sentence


def _refresh(job: BulkJob, actor: Actor, connection: Connection) -> str:
    if not may_manage(actor, connection):
        raise NotAllowed(gettext_noop("You are not allowed to refresh this connection. Ask its owner or an admin."))
    refresh_now(connection=connection, actor=actor)
    return gettext_noop("It has a new token.")


_CHANGES: dict[BulkJob.Action, Callable[[BulkJob, Actor, Connection], str]] = {
    _ACTION.SHARE: _share,
    _ACTION.UNSHARE: _unshare,
    _ACTION.HAND_OVER: _hand_over,
    _ACTION.DISCONNECT: _disconnect,
    _ACTION.REFRESH: _refresh,
}


def _was_disconnected(item: BulkItem, actor: Actor) -> bool:
    """By a run of this job that died before it stored the outcome, say."""
    return was_done(actor, action="connection.disconnected", target_id=str(item.connection_id))


def _actor_of(job: BulkJob) -> Actor:
    """The job's creator with the access that they have now. Raises AccessEnded."""
    origin = Origin(kind=job.asked_by_kind, id=job.asked_by_id, label=job.asked_by_label)
    members = Membership.objects.select_related("team", "user").filter(team=job.team_id, user__is_active=True)
    member = members.filter(user=job.user_id).first() if job.user_id else None
    if job.api_key_id is None:
        if member is None:
            raise AccessEnded(gettext_noop("The member who created the job has left the team."))
        return member_actor(member, origin=origin)
    api_key = ApiKey.objects.select_related("team", "user").get(pk=job.api_key_id)
    if api_key.is_valid_at(timezone.now()):
        if api_key.kind == ApiKey.Kind.SERVICE:
            return service_actor(api_key, origin=origin)
        if member is not None:
            return key_holder_actor(api_key, Role(member.role), origin=origin)
    raise AccessEnded(gettext_noop("The API key that created the job was revoked or has expired."))


def _queue(job_id: UUID) -> None:
    try:
        current_app.send_task(TASK, args=[str(job_id)])
    except OperationalError:
        logger.warning("the broker is unavailable: the periodic task runs bulk_job=%s", job_id)


def _record(what: str, job: BulkJob, origin: Origin, **detail: Any) -> None:
    target = Target("bulk_job", str(job.pk), str(BulkJob.Action(job.action).label))
    record(action=f"bulk_job.{what}", origin=origin, team_id=job.team_id, target=target, **detail)
