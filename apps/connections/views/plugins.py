"""The Plugins page with all services, and the page of one service."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from apps.connections.services.listed_integrations import attention_first, listed
from apps.connections.views import plugin_cards
from apps.connections.views.plugin_cards import Card
from apps.errors import NotFound
from apps.integrations.catalog.provider_config import links
from apps.integrations.connecting import connect_form
from apps.integrations.models import Integration
from apps.integrations.oauth_apps.requests import counts_for, requests_for
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.permissions import Action
from apps.teams.requests import TeamRequest

# Cards on the page at first, and added with each "Show more".
CARDS = 60
# Connections on the page of a service. All of them are listed in Settings → Integrations.
MOST_CONNECTIONS = 50


@require_safe
@team_required
def plugins(request: TeamRequest) -> HttpResponse:
    """All services, filtered by `search` and `category`, up to `page`; htmx gets only what changes."""
    search = request.GET.get("search", "").strip()[:100]
    category = request.GET.get("category", "")
    if not plugin_cards.is_category(category):
        category = plugin_cards.ALL
    rows = attention_first(listed(request.actor))
    every = plugin_cards.popular_first(plugin_cards.cards(rows, **_set_up(request.actor)))
    cards = plugin_cards.matching(every, search=search, category=category)
    found = plugin_cards.matching(every, search=search, category=plugin_cards.ALL)
    hero = None if search or category else _hero(cards)
    page = Paginator([card for card in cards if card is not hero], CARDS).get_page(request.GET.get("page", ""))
    is_more = _is_partial(request) and page.number > 1
    # Without a script, a page is shown with those before it, so that "Show more" adds to the list.
    listed_cards = list(page.paginator.object_list[: page.end_index()])
    titled = plugin_cards.with_titles(listed_cards, page.start_index() - 1 if is_more else 0)
    context = {
        "search": search,
        "category": category,
        "chips": plugin_cards.chips(found, category=category),
        "hero": hero,
        "page": page,
        "cards": titled if not (search or category) else [("", card) for _title, card in titled],
        "found": len(cards),
        "total": len(every),
        "can_add_api": permissions.may(request.actor, Action.MANAGE_CUSTOM_APIS),
    }
    return _varied(render(request, f"integrations/{_template(request, is_more=is_more)}", context))


def _hero(cards: list[Card]) -> Card | None:
    """The service to begin with, as long as nothing else is connected."""
    hero = next((card for card in cards if card.hero and card.is_set_up), None)
    return None if any(card.connected for card in cards if card is not hero) else hero


def _set_up(actor: Actor) -> dict[str, Any]:
    """Who can set up services, and how many people of the team asked for which."""
    can_set_up = _can_set_up(actor)
    return {"can_set_up": can_set_up, "asked": counts_for(actor.team) if can_set_up and actor.team else {}}


def _can_set_up(actor: Actor) -> bool:
    is_operator = actor.user is not None and actor.user.is_staff
    return is_operator or permissions.may(actor, Action.MANAGE_OAUTH_APPS)


def _template(request: TeamRequest, *, is_more: bool) -> str:
    if is_more:
        return "_more_cards.html"
    return "_update.html" if _is_partial(request) else "plugins.html"


@require_safe
@team_required
def service(request: TeamRequest, slug: str) -> HttpResponse:
    """One service: its connections (htmx gets only these), its scopes, and *Connect*. Raises NotFound."""
    integration = _visible_or_404(request.actor, slug)
    connections = _connections(request.actor, integration)
    if _is_partial(request):
        return _varied(render(request, "integrations/_connections.html", connections | {"integration": integration}))
    form = connect_form(request.actor.team, integration)
    entry = form["entry"]
    context = {
        **form,
        **connections,
        "links": links(entry, form["oauth_app"]) if entry else None,
        "keeps_apps": permissions.may(request.actor, Action.MANAGE_OAUTH_APPS),
        "requests": requests_for(request.actor.team, integration) if request.actor.team else [],
    }
    return _varied(render(request, "integrations/service.html", context))


def _is_partial(request: TeamRequest) -> bool:
    """Whether htmx requests a part of the page; when restoring history it needs the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def _varied(response: HttpResponse) -> HttpResponse:
    # Otherwise the Back button may display a cached partial response for the same URL.
    patch_vary_headers(response, ["HX-Request"])
    return response


def _visible_or_404(actor: Actor, slug: str) -> Integration:
    integration = Integration.objects.visible_to(actor).with_slug(slug)
    if integration is None:
        raise NotFound(gettext("There is no such service."))
    return integration


def _connections(actor: Actor, integration: Integration) -> dict[str, Any]:
    """MOST_CONNECTIONS to the service, those that need attention first, and the number of all."""
    visible = integration.connections.visible_to(actor)
    ordered = visible.with_details().order_by("-status", "name", "created_at")
    found = list(ordered[: MOST_CONNECTIONS + 1])
    count = visible.count() if len(found) > MOST_CONNECTIONS else len(found)
    return {"connections": found[:MOST_CONNECTIONS], "connection_count": count}
