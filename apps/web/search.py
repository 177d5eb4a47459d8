"""Search everything: pages, connections, services and help, for the command palette."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import JsonResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.models import Connection
from apps.connections.policy.state import state_of
from apps.integrations.models import Integration
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest
from apps.web.troubleshooting import search_topics

# The number of results of each kind, and of characters that are searched for.
SHOWN, LONGEST = 6, 100

# Label, URL name, and whether only admins see the page.
PAGES = (
    (_("Plugins"), "connections:plugins", False),
    (_("Custom APIs"), "integrations:custom_apis", False),
    (_("Try an action"), "gateway:try", False),
    (_("Integrations"), "connections:list", False),
    (_("Notifications"), "notifications:notices", False),
    (_("Credentials"), "connections:credentials", False),
    (_("Expiring soon"), "connections:expiring", False),
    (_("Audit log"), "audit:list", False),
    (_("Team"), "teams:members", False),
    (_("API keys"), "teams:api_keys", False),
    (_("Webhooks"), "notifications:webhooks", True),
    (_("Account"), "web:account", False),
    (_("Notification preferences"), "notifications:preferences", False),
    (_("Help"), "web:help", False),
    (_("API reference"), "api:docs", False),
)


@dataclass(frozen=True)
class Result:
    """One result; `note` is what is shown beside it."""

    label: str
    url: str
    note: str = ""


@require_safe
@never_cache
@team_required
def search(request: TeamRequest) -> JsonResponse:
    """The results for `q` as JSON: groups with a title and items. Without words, the pages."""
    words = request.GET.get("q", "")[:LONGEST].split()
    groups = {gettext("Pages"): _pages(request.actor, words)}
    if words:
        groups = {
            gettext("Connections"): _connections(request.actor, words),
            **groups,
            gettext("Services"): _services(request.actor, words),
            gettext("Help"): _help(words),
        }
    found = [{"title": title, "items": [asdict(one) for one in items]} for title, items in groups.items() if items]
    return JsonResponse({"groups": found})


def _matches(label: str, words: Iterable[str]) -> bool:
    return all(word.casefold() in label.casefold() for word in words)


def _pages(actor: Actor, words: list[str]) -> list[Result]:
    visible = [(str(label), name) for label, name, for_admins in PAGES if actor.is_admin or not for_admins]
    return [Result(label, reverse(name)) for label, name in visible if _matches(label, words)]


def _connections(actor: Actor, words: list[str]) -> list[Result]:
    visible: QuerySet[Connection] = Connection.objects.visible_to(actor).with_details()
    for word in words:
        visible = visible.filter(Q(name__icontains=word) | Q(integration__name__icontains=word))
    return [_connection(one) for one in visible.order_by("-last_used_at", "name", "pk")[:SHOWN]]


def _connection(connection: Connection) -> Result:
    page: Any = reverse("connections:connection", args=[connection.pk])
    return Result(f"{connection.name} · {connection.integration.name}", page, str(state_of(connection).label))


def _services(actor: Actor, words: list[str]) -> list[Result]:
    services = Integration.objects.visible_to(actor).filter(is_enabled=True)
    for word in words:
        services = services.filter(name__icontains=word)
    return [Result(one.name, reverse("connections:service", args=[one.slug])) for one in services[:SHOWN]]


def _help(words: list[str]) -> list[Result]:
    found = search_topics(" ".join(words))
    return [Result(topic.title, reverse("web:help_topic", args=[topic.slug])) for topic in found][:SHOWN]
