"""Settings → Credentials → Expiring soon: what ends within 90 days, and whose move it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.services.expiring import HORIZON, Expiring
from apps.connections.services.expiring import expiring as expiring_for
from apps.connections.views.connection_pages import PAGE_SIZE
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

# Title, and the days left from and to which it covers.
_SECTIONS = (
    (_("Expired"), -100_000, -1),
    (_("Within 7 days"), 0, 7),
    (_("Within 30 days"), 8, 30),
    (_("Within 90 days"), 31, 90),
)


@dataclass(frozen=True)
class Section:
    """What ends in the same span of days."""

    title: str
    items: list[Expiring]
    # "ended", "soon", or "" for the later ones.
    urgency: str = ""


@dataclass(frozen=True)
class Chip:
    """A filter: the days that it covers ("" for all, "expired"), and how many items that are."""

    value: str
    label: str
    count: int


@require_safe
@never_cache
@team_required
def expiring(request: TeamRequest) -> HttpResponse:
    """Query parameters, all optional: `within` (7, 30, 90 or expired), `whose` (me) and `page`."""
    today = timezone.now().date()
    every = expiring_for(request.actor, today=today)
    whose = request.GET.get("whose", "")
    mine = [one for one in every if _is_mine(request, one)]
    items = mine if whose == "me" else every
    within = request.GET.get("within", "")
    shown = [one for one in items if _covers(within, one.days_left(today))]
    page = Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page", ""))
    context = {
        "sections": _in_sections(page, today),
        "page": page,
        "pages_url": f"?{urlencode({'within': within, 'whose': whose})}&page=",
        "chips": _chips(items, today),
        "within": within,
        "whose": whose,
        "mine": len(mine),
        "total": len(every),
        "today": today,
        "query": urlencode({"whose": whose}) if whose else "",
    }
    return render(request, "connections/expiring.html", context)


def _is_mine(request: TeamRequest, one: Expiring) -> bool:
    if one.person_id is None:
        return one.is_for_admins  # only admins see what is theirs
    return request.actor.user is not None and one.person_id == request.actor.user.pk


def _covers(within: str, left: int) -> bool:
    if within == "expired":
        return left < 0
    return left <= int(within) if within in ("7", "30", "90") else left <= HORIZON


def _chips(items: list[Expiring], today: date) -> list[Chip]:
    labels = (
        ("7", gettext("Within 7 days")),
        ("30", gettext("30 days")),
        ("90", gettext("90 days")),
        ("expired", gettext("Expired")),
    )
    return [Chip(value, label, sum(_covers(value, one.days_left(today)) for one in items)) for value, label in labels]


def _in_sections(items: Iterable[Expiring], today: date) -> list[Section]:
    shown = list(items)
    sections = [
        Section(str(title), [one for one in shown if low <= one.days_left(today) <= high], _urgency(high))
        for title, low, high in _SECTIONS
    ]
    return [section for section in sections if section.items]


def _urgency(high: int) -> str:
    if high < 0:
        return "ended"
    return "soon" if high <= 7 else ""
