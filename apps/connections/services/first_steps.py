"""The first steps of a new member after the first connection: what is done, what is next, and closing the list."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists
from django.urls import reverse
from django.utils.translation import gettext

from apps.connections.models import Connection
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


def first_steps_of(actor: Actor) -> list[Step]:
    """The steps of a member who has a connection; none once all are done or the member closed the list."""
    first = _first_connection(actor)
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


def _first_connection(actor: Actor) -> Any:
    """The member's oldest connection, with what is done already: in one query, since a list has this on top of it."""
    own = Connection.objects.of_team(actor.team).filter(owner=actor.user)
    done = {
        "is_closed": Membership.objects.filter(team=actor.team, user=actor.user, first_steps_closed=True),
        "is_used": own.filter(last_used_at__isnull=False),
        "has_shared": own.filter(is_shared=True),
        "has_key": ApiKey.objects.filter(team=actor.team, user=actor.user),
    }
    oldest = own.order_by("created_at", "pk").select_related("integration")
    shown = oldest.only("name", "integration__slug", "integration__name")
    return shown.annotate(**{name: Exists(rows) for name, rows in done.items()}).first()


def close_first_steps(actor: Actor, *, closed: bool) -> None:
    """Hide the list for the member in this team, or show it again."""
    Membership.objects.filter(team=actor.team, user=actor.user).update(first_steps_closed=closed)
