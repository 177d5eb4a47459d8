"""Search everything: pages, connections, services, help and the administration, for the command palette."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.models import Connection
from apps.connections.policy.state import state_of
from apps.integrations.models import Integration
from apps.teams.actor import Actor
from apps.teams.models import User
from apps.web.navigation import OPERATORS, PAGES, may_view
from apps.web.troubleshooting import search_topics

# The number of results of each kind, and of characters that are searched for.
SHOWN, LONGEST = 6, 100
# The operators' lists that are offered with the words as their search.
SEARCHED = ("connections.connection", "integrations.oauthapp", "teams.user", "teams.team")


@dataclass(frozen=True)
class Result:
    """One result; `note` is what is shown beside it."""

    label: str
    url: str
    note: str = ""


@require_safe
@never_cache
@login_required
def search(request: HttpRequest) -> JsonResponse:
    """The results for `q` as JSON: groups with a title and items. Without words, the pages."""
    words = request.GET.get("q", "")[:LONGEST].split()
    actor, user = cast(Any, request).actor, cast(User, request.user)
    groups = _of_team(actor, words) if actor else {}
    if user.is_staff:
        groups[gettext("Administration")] = _administration(user, words)
    if words:
        groups[gettext("Help")] = _help(words)
    found = [{"title": title, "items": [asdict(one) for one in items]} for title, items in groups.items() if items]
    return JsonResponse({"groups": found})


def _of_team(actor: Actor, words: list[str]) -> dict[str, list[Result]]:
    pages = {gettext("Pages"): _pages(actor, words)}
    if not words:
        return pages
    services = _services(actor, words)
    return {
        gettext("Connections"): _connections(actor, words),
        **pages,
        gettext("Services"): [_service(one) for one in services],
        gettext("Actions"): _actions(actor, services),
    }


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


def _services(actor: Actor, words: list[str]) -> list[Integration]:
    services = Integration.objects.visible_to(actor).filter(is_enabled=True)
    for word in words:
        services = services.filter(name__icontains=word)
    return list(services[:SHOWN])


def _service(service: Integration) -> Result:
    return Result(service.name, reverse("connections:service", args=[service.slug]))


def _actions(actor: Actor, services: list[Integration]) -> list[Result]:
    """What one can do with the first service, if it is connected."""
    if not services or not Connection.objects.visible_to(actor).filter(integration=services[0]).exists():
        return []
    name, query = {"service": services[0].name}, urlencode({"integration": services[0].slug})
    return [
        Result(gettext("Try an action with %(service)s") % name, f"{reverse('gateway:try')}?{query}"),
        Result(gettext("Connections to %(service)s") % name, f"{reverse('connections:list')}?{query}"),
        Result(gettext("Audit log of %(service)s") % name, f"{reverse('audit:list')}?{query}"),
    ]


def _administration(user: User, words: list[str]) -> list[Result]:
    """The operators' pages that match, and the lists that are searched for the words."""
    items = [item for _title, group in OPERATORS for item in group if may_view(user, item.model)]
    all_pages = gettext("Administration")
    pages = [Result(str(one.label), reverse(one.view)) for one in items if _matches(f"{all_pages} {one.label}", words)]
    if not words:
        return pages
    text, query = " ".join(words), urlencode({"q": " ".join(words)})
    return pages + [
        Result(f"{one.label}: “{text}”", f"{reverse(one.view)}?{query}") for one in items if one.model in SEARCHED
    ]


def _help(words: list[str]) -> list[Result]:
    found = search_topics(" ".join(words))
    return [Result(topic.title, reverse("web:help_topic", args=[topic.slug])) for topic in found][:SHOWN]
