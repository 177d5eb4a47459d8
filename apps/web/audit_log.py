"""The page of the audit log, newest events first, paged by event ID; and its export."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from apps.audit.export import CSV, JSON_LINES, SUFFIXES, export
from apps.audit.forms import FilterForm
from apps.audit.models import AuditEvent
from apps.audit.querysets import apply_filters, newest_of, visible_to
from apps.audit.rows import integer, link, one_per_call, row_of, slugs_of
from apps.connections.services.listed_integrations import services_of_visible
from apps.integrations.models import Integration
from apps.sql import distinct_values
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.models import ApiKey, Membership
from apps.teams.requests import TeamRequest

PAGE_SIZE = 50
# People and keys that the filter offers; of more, none. A row's details link to the events of its person or key.
MOST_ACTORS = 50
EXPORTS = (("CSV", CSV), ("JSON Lines", JSON_LINES))

Choices = list[tuple[str, list[tuple[str, str]]]]


@require_safe
@team_required
def events(request: TeamRequest) -> HttpResponse:
    """GET parameters: the filters, `before` (the ID after which the page starts), `open` (the expanded event)."""
    visible = visible_to(request.actor)
    form = FilterForm(request.GET)
    params, before = form.query_params(), integer(request.GET.get("before"))
    matching = apply_filters(visible, form.filters())
    matching = matching.filter(pk__lt=before) if before else matching
    narrowed, last_read = form.narrowed(), None
    if narrowed:
        page, last_read = newest_of(matching, narrowed, rows=PAGE_SIZE + 1)
    else:
        page = list(matching[: PAGE_SIZE + 1])
    older = page[PAGE_SIZE - 1] if len(page) > PAGE_SIZE else last_read
    shown = one_per_call(page[:PAGE_SIZE], visible)
    names, actors = _names(request.actor, slugs_of(shown)), _actors(request.actor)
    current, opened = {**params, "before": before}, integer(request.GET.get("open"))
    context = {
        "rows": [row_of(one, current, opened=opened, name=names.get(one.integration, "")) for one in shown],
        "integrations": _integrations(request.actor, params.get("integration", "")),
        "actors": actors,
        "form": form,
        "given": params,
        "only": _removable_filters(params, shown, actors),
        "newest": link(**params) if before else "",
        "older": link(**params, before=older.pk) if older else "",
        # Set if older events were not searched.
        "searched_to": last_read.occurred_at if last_read and len(page) <= PAGE_SIZE else None,
        "exports": [(label, link(**params, format=SUFFIXES[kind])) for label, kind in EXPORTS],
    }
    return render(request, "audit/events.html", context)


@require_safe
@team_required
def download(request: TeamRequest) -> HttpResponseBase:
    """All events that match the page's filters, as a file. GET parameter `format`: csv or jsonl."""
    actor: Any = request.actor
    form = FilterForm(request.GET)
    kinds = {suffix: kind for kind, suffix in SUFFIXES.items()}
    kind = kinds.get(request.GET.get("format", ""))
    if kind is None:
        raise Http404
    matching = apply_filters(visible_to(actor), form.filters()).filter(form.narrowed())
    return export(matching, media_type=kind, origin=actor.origin, team_id=actor.team.pk, filters=form.query_params())


def _removable_filters(params: Mapping[str, str], page: Sequence[AuditEvent], actors: Choices) -> list[tuple[str, str]]:
    """(label, link without it) of the filters that are set by an event's details, not by the form."""
    first = page[0] if page else None
    about = gettext("Only about %(connection)s") % {"connection": first.target_label} if first else ""
    labels = {"connection": about or gettext("Only about one connection")}
    if not any(params.get("actor") == value for _, group in actors for value, _ in group):
        by = gettext("Only by %(actor)s") % {"actor": first.actor_label} if first else ""
        labels["actor"] = by or gettext("Only by one person or key")
    others = {name: {key: value for key, value in params.items() if key != name} for name in labels}
    return [(label, link(**others[name])) for name, label in labels.items() if name in params]


def _names(actor: Actor, slugs: set[str]) -> dict[str, str]:
    """The names of services by slug. One that was deleted has none."""
    known = Integration.objects.visible_to(actor).filter(slug__in=slugs)
    return dict(known.order_by().values_list("slug", "name"))


def _integrations(actor: Actor, chosen: str) -> list[tuple[str, str]]:
    """Slug and name of the services in the log. Members are offered those of the connections that they can see."""
    if actor.is_admin and actor.team is not None:
        slugs = {slug for slug in distinct_values(AuditEvent, "integration", team_id=actor.team.pk) if slug}
    else:
        of_visible = services_of_visible(actor).values_list("slug", flat=True)
        slugs = {*of_visible, *([chosen] if chosen else [])}
    names = _names(actor, slugs)
    return sorted(((slug, names.get(slug, slug)) for slug in slugs), key=lambda pair: pair[1].casefold())


def _actors(actor: Actor) -> Choices:
    """The people and service keys of the team, each group if it is not too long. Members see their own events only."""
    if not actor.is_admin or actor.team is None:
        return []
    members = Membership.objects.filter(team=actor.team).select_related("user").order_by("user__name", "user__email")
    keys = ApiKey.objects.filter(team=actor.team, kind=ApiKey.Kind.SERVICE).order_by("name", "pk")
    people = [(str(one.user_id), str(one.user)) for one in members[: MOST_ACTORS + 1]]
    named_keys = [(str(one.pk), one.name) for one in keys[: MOST_ACTORS + 1]]
    groups = [(gettext("People"), people), (gettext("Service keys"), named_keys)]
    return [(label, group) for label, group in groups if 0 < len(group) <= MOST_ACTORS]
