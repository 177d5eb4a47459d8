"""Settings → Integrations: all visible connections by service, as a page and as a fragment."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.connections.forms.connections import ListForm
from apps.connections.models import Connection
from apps.connections.services.bulk_jobs import running_job_of
from apps.connections.services.first_steps import close_first_steps, first_steps_of
from apps.connections.services.listed_integrations import attention_first, listed
from apps.connections.views import plugin_cards
from apps.connections.views.connection_pages import TABLE_FROM, columns, in_groups, page_of, rows_of, version_of
from apps.connections.views.rows import Row, grouped
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

COLUMNS = {"service": _("Service"), "account": _("Account"), "owner": _("Owner"), "used": _("Last used")}


@require_safe
@never_cache
@team_required
def listing(request: TeamRequest) -> HttpResponse:
    """The page; for htmx, which polls, the list only, or no content while its `version` is current.

    Query parameters, all optional: those of `ListForm`, `page`, and `new`, the ID of a connection to highlight.
    """
    filters = ListForm(request.GET, actor=request.actor, connections=Connection.objects.visible_to(request.actor))
    chosen = filters.filters
    page = page_of(
        filters.matching(),
        sort=chosen.get("sort", ""),
        group=chosen.get("group", ""),
        number=request.GET.get("page", ""),
        count=filters.known_count,
    )
    rows = rows_of(request.actor, page)
    version = version_of(rows, filters.total, filters.attention, filters.unverified, page.paginator.count)
    if _is_partial(request) and request.GET.get("version") == version:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    here = urlencode({**chosen, "page": str(page.number)})
    context = {
        "filters": filters,
        "page": page,
        "pages_url": f"?{urlencode(chosen)}&page=" if chosen else "?page=",
        **_as_table_or_boxes(filters, rows, chosen),
        "total": filters.total,
        "attention": filters.attention,
        "attention_count": filters.attention,  # of the navigation, which would count again
        "unverified": filters.unverified,
        "new": request.GET.get("new", ""),
        "filters_query": urlencode(chosen),
        "list_url": f"{reverse('connections:list')}?{here}",
        "version": version,
        "running_job": None if _is_partial(request) else running_job_of(request.actor),
        "first_steps": [] if _is_partial(request) else first_steps_of(request.actor),
        **({} if filters.total else _starters(request.actor)),
    }
    return render(request, f"connections/{'_list_update.html' if _is_partial(request) else 'list.html'}", context)


@require_POST
@team_required
def first_steps(request: TeamRequest) -> HttpResponse:
    """Close the list of first steps, or show it again (form field `show`)."""
    close_first_steps(request.actor, closed="show" not in request.POST)
    return redirect("connections:list")


def _as_table_or_boxes(filters: ListForm, rows: list[Row], chosen: dict[str, str]) -> dict[str, Any]:
    if filters.total < TABLE_FROM:
        return {"groups": grouped(rows)}
    return {
        "is_table": True,
        "groups": in_groups(rows, chosen.get("group", "")),
        "columns": columns(chosen.get("sort", ""), chosen, COLUMNS),
    }


def _is_partial(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def _starters(actor: Actor) -> dict[str, Any]:
    """What an empty list offers: the demonstration service, and three others that are preferably set up."""
    cards = plugin_cards.popular_first(plugin_cards.cards(attention_first(listed(actor))))
    hero = next((card for card in cards if card.hero and card.is_set_up), None)
    others = sorted((card for card in cards if card is not hero), key=lambda card: not card.is_set_up)
    return {"hero": hero, "starters": others[:3], "services": len(cards)}
