"""What the frame around every page needs; nothing here queries before a template asks for it."""

from functools import cache, partial
from typing import Any

from django.http import HttpRequest

from apps.connections.models import Connection, Status
from apps.teams.models import Membership


def frame(request: HttpRequest) -> dict[str, Any]:
    """`teams` (the signed-in person's memberships) and `attention_count`, as callables that a template calls."""
    return {
        "teams": cache(partial(_memberships, request)),
        "attention_count": cache(partial(_needing_attention, request)),
    }


def _memberships(request: HttpRequest) -> list[Membership]:
    if not request.user.is_authenticated:
        return []
    return list(request.user.memberships.select_related("team").order_by("team__name", "pk"))


def _needing_attention(request: HttpRequest) -> int:
    """How many connections that the actor may see need attention."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return 0
    return Connection.objects.visible_to(actor).filter(status=Status.NEEDS_ATTENTION).count()
