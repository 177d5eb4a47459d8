"""The first steps of a new member after the first connection: what is done, what is next, and closing the list."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, QuerySet
from django.urls import reverse
from django.utils.translation import gettext

from apps.connections.models import Connection
from apps.sql import PreparedSelect, param
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Membership


@dataclass(frozen=True)
class Step:
    """One step; `action` is the label of the link to `url`."""

    name: str
    text: str
    is_done: bool
    url: str
    action: str


def _with_what_is_done() -> QuerySet[Connection]:
    """The member's oldest connection, with whether each step is done and whether the list is closed."""
    team, user = param(Membership, "team"), param(Membership, "user")
    own = Connection.objects.of_team(team).filter(owner=user)
    done = {
        "is_closed": Membership.objects.filter(team=team, user=user, first_steps_closed=True),
        "is_used": own.filter(last_used_at__isnull=False),
        "has_shared": own.filter(is_shared=True),
        "has_key": ApiKey.objects.filter(team=team, user=user),
    }
    oldest = own.order_by("created_at", "pk").select_related("integration")
    shown = oldest.only("name", "integration__slug", "integration__name")
    return shown.annotate(**{name: Exists(rows) for name, rows in done.items()})[:1]


# Compiling it takes an eighth of the processor time of a list without rows, on top of which the steps are.
_oldest: PreparedSelect[Any] = PreparedSelect(_with_what_is_done)


def first_steps_of(actor: Actor) -> list[Step]:
    """The steps of a member who has a connection; none once all are done or the member closed the list."""
    first = _oldest.one(team=team.pk, user=user.pk) if (team := actor.team) and (user := actor.user) else None
    if first is None or first.is_closed:
        return []
    connected = gettext("%(service)s, as %(name)s.") % {"service": first.integration.name, "name": first.name}
    steps = [
        Step(gettext("Connect a service"), connected, True, "", ""),
        Step(
            gettext("Send a request through it"),
            gettext("See the response that a workflow would get."),
            first.is_used,
            f"{reverse('gateway:try')}?integration={first.integration.slug}",
            gettext("Try an action"),
        ),
        Step(
            gettext("Share it with your team"),
            gettext("Other members then use it in workflows. You choose who may manage it."),
            first.has_shared,
            reverse("connections:sharing", args=[first.pk]),
            gettext("Open sharing"),
        ),
        Step(
            gettext("Create an API key"),
            gettext("With it, your own programs use your connections."),
            first.has_key,
            reverse("teams:api_keys"),
            gettext("Create key"),
        ),
    ]
    return [] if all(step.is_done for step in steps) else steps


def close_first_steps(actor: Actor, *, closed: bool) -> None:
    """Hide the list for the member in this team, or show it again."""
    Membership.objects.filter(team=actor.team, user=actor.user).update(first_steps_closed=closed)
