"""The context of the layout of every page. Queries run only if a template uses their result."""

from functools import cache, partial
from typing import Any

from django.http import HttpRequest

from apps.connections.models import Connection, Status
from apps.teams.services.invitations import mail_is_set_up


def frame(request: HttpRequest) -> dict[str, Any]:
    """`teams` (the memberships), `mail_is_set_up`, and `attention_count`, a callable that queries when called."""
    return {
        "teams": getattr(request, "memberships", []),
        "attention_count": cache(partial(_needing_attention, request)),
        "mail_is_set_up": mail_is_set_up(),
    }


def _needing_attention(request: HttpRequest) -> int:
    """The number of visible connections that need attention."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return 0
    return Connection.objects.visible_to(actor).filter(status=Status.NEEDS_ATTENTION).count()
