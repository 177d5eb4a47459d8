"""What the frame around every page needs; nothing here queries before a template asks for it."""

from functools import cache, partial
from typing import Any

from django.http import HttpRequest

from apps.connections.models import Connection, Status


def frame(request: HttpRequest) -> dict[str, Any]:
    """`teams` (the signed-in person's memberships) and `attention_count`, which asks when a template calls it."""
    return {
        "teams": getattr(request, "memberships", []),
        "attention_count": cache(partial(_needing_attention, request)),
    }


def _needing_attention(request: HttpRequest) -> int:
    """How many connections that the actor may see need attention."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return 0
    return Connection.objects.visible_to(actor).filter(status=Status.NEEDS_ATTENTION).count()
