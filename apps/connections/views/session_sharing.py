"""The question whether to share the connection, on the page of a connect session's link."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from apps.connections.models import ConnectSession, Level
from apps.integrations.errors import InvalidInput
from apps.teams.models import User

_ANSWERS = {"yes": True, "no": False}


def requested_sharing(session: ConnectSession, data: Mapping[str, Any]) -> bool | None:
    """The member's answer; None where the session requests no sharing. Raises InvalidInput without an answer."""
    if not session.sharing_level:
        return None
    answer = _ANSWERS.get(str(data.get("share", "")))
    if answer is None:
        raise InvalidInput([("share", gettext("Choose whether to share the connection."))])
    return answer


def sharing_context(session: ConnectSession, data: Mapping[str, Any]) -> dict[str, Any]:
    """For `connections/_link_sharing.html`."""
    level = Level(session.sharing_level) if session.sharing_level else None
    of_team = User.objects.filter(memberships__team=session.team_id, pk__in=session.sharing_members)
    people = sorted(str(user) for user in of_team)
    return {"sharing_level": level, "sharing_people": people, "sharing_choice": str(data.get("share", ""))}
