"""The context of the layout of every page. Queries run only if a template uses their result."""

from functools import cache, partial
from typing import Any

from django.http import HttpRequest

from apps.connections.models import Connection, Status
from apps.notifications.notices import unread_count
from apps.teams.services.invitations import mail_is_set_up


def frame(request: HttpRequest) -> dict[str, Any]:
    """`teams` (the memberships), `mail_is_set_up`, and callables that query when called."""
    return {
        "teams": getattr(request, "memberships", []),
        "unread_notices": cache(partial(_unread_notices, request)),
        "attention_count": cache(partial(_needing_attention, request)),
        "mail_is_set_up": mail_is_set_up(),
    }


def _unread_notices(request: HttpRequest) -> int:
    """The number of the person's unread notices in the current team."""
    actor = getattr(request, "actor", None)
    return unread_count(actor.user, actor.team) if actor is not None and actor.user is not None else 0


def _needing_attention(request: HttpRequest) -> int:
    """The number of visible connections that need attention."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return 0
    return Connection.objects.visible_to(actor).filter(status=Status.NEEDS_ATTENTION).count()
