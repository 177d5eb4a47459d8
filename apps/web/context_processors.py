"""The context of the layout of every page. Queries run only if a template uses their result."""

from functools import cache, partial
from typing import Any

from django.http import HttpRequest

from apps.connections.models import Connection, Status


def frame(request: HttpRequest) -> dict[str, Any]:
    """`teams` (the person's memberships) and `attention_count`, a callable that queries when called."""
    return {
        "teams": getattr(request, "memberships", []),
        "attention_count": cache(partial(_needing_attention, request)),
    }


def _needing_attention(request: HttpRequest) -> int:
    """The number of visible connections that need attention."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return 0
    return Connection.objects.visible_to(actor).filter(status=Status.NEEDS_ATTENTION).count()
