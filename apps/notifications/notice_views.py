"""Notifications: the notices of a person in the current team."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.errors import NotAllowed
from apps.notifications.notices import SHOWN, mark_read, notices_of, unread_count
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@team_required
def notices(request: TeamRequest) -> HttpResponse:
    """The newest notices, with GET parameter `show=unread` only unread ones; POST marks all as read."""
    user, team = request.actor.user, request.actor.team
    if user is None or team is None:
        raise NotAllowed(gettext("Notifications belong to a person."))
    if request.method == "POST":
        mark_read(user, team)
        return redirect("notifications:notices")
    found, only_unread = notices_of(user, team), request.GET.get("show") == "unread"
    if only_unread:
        found = found.filter(read_at=None)
    context = {"notices": list(found[:SHOWN]), "unread": unread_count(user, team), "only_unread": only_unread}
    return render(request, "notifications/notices.html", context)
