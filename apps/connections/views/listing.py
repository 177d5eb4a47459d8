"""Settings → Integrations: all visible connections by service, as a page and as a fragment."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.forms.connections import FilterForm
from apps.connections.models import Connection, Status
from apps.connections.services.listed_integrations import attention_first, listed
from apps.connections.views import plugin_cards
from apps.connections.views.rows import grouped
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest


@require_safe
@never_cache
@team_required
def listing(request: TeamRequest) -> HttpResponse:
    """The page; for htmx, which polls every few seconds, only the parts that may have changed."""
    connections = visible_connections(request.actor)
    filters = FilterForm(request.GET, actor=request.actor, connections=connections)
    chosen = filters.matching(connections)
    context = {
        "filters": filters,
        "groups": grouped(request.actor, chosen),
        "total": len(connections),
        "red": sum(connection.status == Status.NEEDS_ATTENTION for connection in connections),
        "shown": len(chosen),
        "new": request.GET.get("new", ""),
        "list_url": f"{reverse('connections:list')}?{urlencode(filters.filters)}",
        **({} if connections else _starters(request.actor)),
    }
    return render(request, f"connections/{_template(request)}", context)


def _template(request: HttpRequest) -> str:
    return "_list_update.html" if getattr(request, "htmx", False) else "list.html"


def visible_connections(actor: Actor) -> list[Connection]:
    """The connections that the actor may see, with everything a row displays, in a fixed number of queries."""
    connections = Connection.objects.visible_to(actor).with_details().prefetch_related("shares", "workflows")
    return list(connections)


def _starters(actor: Actor) -> dict[str, Any]:
    """What an empty list offers: the demonstration service, and three others that are preferably set up."""
    cards = plugin_cards.cards(attention_first(listed(actor)))
    hero = next((card for card in cards if card.hero and card.is_set_up), None)
    others = sorted((card for card in cards if card is not hero), key=lambda card: not card.is_set_up)
    return {"hero": hero, "starters": others[:3], "services": len(cards)}
