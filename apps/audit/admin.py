"""The audit log in the admin, and the bases of admin pages: read-only ones, and those of large tables."""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from apps.audit.admin_cells import NOTHING, moment, status_label
from apps.audit.admin_filters import TextFilter
from apps.audit.messages import MESSAGES, action_label
from apps.audit.models import AuditEvent

# The actions that the filter offers as links.
OFFERED_ACTIONS = ("connection.created", "connection.needs_attention", "connection.refresh_failed", "oauth_app.changed")
ACTORS: dict[str, str | Promise] = {
    "user": _("Person"),
    "operator": _("Operator"),
    "system": "Specway",
    "service": _("Service key"),
}
FIELDSETS: list[Any] = [
    (_("Event"), {"fields": ["what", "result", "happened", "who", "kind_of_actor", "whose", "service", "workflow"]}),
    (_("Origin"), {"fields": ["address", "program"]}),
    (_("More"), {"fields": ["details"]}),
]

Row = TypeVar("Row", bound=Model)

# Rows that a list counts and offers as pages. For those beyond, one searches.
MOST_LISTED = 10_000
# The newest events that filters and a search for text look at, so that none of them reads the whole log.
RECENT_EVENTS = 20_000
# Events that a search for an ID finds, of each kind of ID.
FOUND_BY_ID = 200


class BoundedPaginator(Paginator[Any]):
    """Counts at most MOST_LISTED rows: an exact count would read the whole table."""

    most_listed = MOST_LISTED

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:MOST_LISTED].count() if isinstance(self.object_list, QuerySet) else 0

    def page(self, number: int | str) -> Page[Any]:
        """Joins the related tables for the rows of the page only: for those before it, they would be read in vain."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return super().page(number)
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        keys = list(rows.values_list("pk", flat=True)[first : first + self.per_page])
        return Page(rows.filter(pk__in=keys), number, self)


class LargeTableAdmin(admin.ModelAdmin[Row]):
    """A list whose cost does not grow with its table."""

    paginator = BoundedPaginator
    show_full_result_count = False

    def action_checkbox(self, obj: Row) -> SafeString:
        """As Django's, without rendering a template for each row."""
        label = gettext("Select %(name)s") % {"name": obj}
        return format_html(
            '<input type="checkbox" name="{}" value="{}" aria-label="{}" class="action-select">',
            *(ACTION_CHECKBOX_NAME, obj.pk, label),
        )

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """As Django's, without values of searched fields that are no IDs, which its widget would fail to look up."""
        for name in ("GET", "POST"):
            setattr(request, name, self._with_ids(getattr(request, name)))
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _with_ids(self, sent: QueryDict) -> QueryDict:
        bad = [name for name in self.autocomplete_fields if sent.get(name) and _uuid(str(sent[name])) is None]
        if not bad:
            return sent
        kept = sent.copy()
        for name in bad:
            del kept[name]
        return kept


class ReadOnlyAdmin(LargeTableAdmin[Any]):
    """Rows that cannot be added, changed or deleted in the admin."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ActionFilter(TextFilter):
    """The known actions by a part of their label. Django's own filter would read the actions from the log."""

    title = _("event")
    parameter_name = "action"
    placeholder = _("What happened")

    def matching(self, text: str, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        labels = {action: str(label).casefold() for action, label in MESSAGES.items()}
        exact = [action for action, label in labels.items() if text.casefold() in (action, label)]
        found = exact or [action for action, label in labels.items() if text.casefold() in label]
        return recent(queryset).filter(action__in=found)

    def suggestions(self) -> Iterable[str]:
        return sorted(map(str, MESSAGES.values()))

    def display(self) -> str:
        return str(MESSAGES.get(self.value() or "", super().display()))

    def links(self) -> Iterable[tuple[str, str]]:
        return [(action, action_label(action)) for action in OFFERED_ACTIONS]


class ActorFilter(TextFilter):
    """Events by a person or key: the ID or a part of the name, among the newest events."""

    title = pgettext_lazy("filter of events", "by")
    parameter_name = "actor"
    placeholder = _("Name of a person or key")

    def matching(self, text: str, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return recent(queryset).filter(Q(actor_id=text) | Q(actor_label__icontains=text))

    def display(self) -> str:
        text = super().display()
        named = recent(AuditEvent.objects.all()).filter(actor_id=text).values_list("actor_label", flat=True)
        return (named.first() or text) if _uuid(text) else text


class OutcomeFilter(admin.SimpleListFilter):
    """Done or failed, among the newest events."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in AuditEvent.Outcome.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return recent(queryset).filter(outcome=self.value()) if self.value() else queryset


def recent(events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """Those among the newest RECENT_EVENTS of the whole log."""
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return events.filter(pk__gt=newest - RECENT_EVENTS)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["what", "happened", "result", "who", "whose", "address"]
    list_per_page = 50
    list_filter = [OutcomeFilter, ActionFilter, ActorFilter]
    search_fields = ["target_label"]
    search_help_text = format_lazy(
        _(
            "The ID of a team, connection or other target, or a token’s fingerprint. "
            "Other text, and the filters, apply to the newest {n} events."
        ),
        n=f"{RECENT_EVENTS:,}",
    )
    ordering = ["-id"]
    fieldsets = FIELDSETS

    def get_readonly_fields(self, request: HttpRequest, obj: AuditEvent | None = None) -> list[str]:
        return [name for _, options in FIELDSETS for name in options["fields"]]

    @admin.display(description=_("event"))
    def what(self, event: AuditEvent) -> str:
        return action_label(event.action)

    @admin.display(description=_("time"), ordering="id")
    def happened(self, event: AuditEvent) -> SafeString:
        return moment(event.occurred_at, seconds=True)

    @admin.display(description=_("outcome"))
    def result(self, event: AuditEvent) -> SafeString:
        kind = "good" if event.outcome == AuditEvent.Outcome.SUCCESS else "bad"
        return status_label(kind, gettext("Done") if kind == "good" else gettext("Failed"))

    @admin.display(description=_("by"))
    def who(self, event: AuditEvent) -> str:
        return event.actor_name or str(ACTORS.get(event.actor_kind, event.actor_kind))

    @admin.display(description=_("as"))
    def kind_of_actor(self, event: AuditEvent) -> str:
        return str(ACTORS.get(event.actor_kind, event.actor_kind))

    @admin.display(description=_("target"))
    def whose(self, event: AuditEvent) -> SafeString:
        if not event.target_id:
            return format_html("{}", event.target_name or NOTHING)
        page = reverse("admin:audit_auditevent_changelist")
        label = event.target_name or event.target_id
        return format_html('<a href="{}?target_id={}">{}</a>', page, event.target_id, label)

    @admin.display(description=_("from"))
    def address(self, event: AuditEvent) -> str:
        return event.ip or str(NOTHING)

    @admin.display(description=_("service"))
    def service(self, event: AuditEvent) -> str:
        return event.integration or str(NOTHING)

    @admin.display(description=_("workflow"))
    def workflow(self, event: AuditEvent) -> str:
        return event.workflow_name or event.workflow_id or str(NOTHING)

    @admin.display(description=_("browser or program"))
    def program(self, event: AuditEvent) -> str:
        return event.user_agent or str(NOTHING)

    @admin.display(description=_("details"))
    def details(self, event: AuditEvent) -> SafeString | str:
        """Each value under its name; none holds a secret."""
        rows = [(name.replace("_", " ").capitalize(), _as_text(value)) for name, value in event.detail.items()]
        lines = format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", rows)
        return format_html('<dl class="properties properties--flat">{}</dl>', lines) if rows else str(NOTHING)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """Events with that ID, each kind by its own index; for other text, recent events that contain it."""
        text = search_term.strip()
        if not text:
            return queryset, False
        by_id = [Q(target_id=text), Q(token_fp=text), *([Q(team_id=team)] if (team := _uuid(text)) else [])]
        found: list[int] = []
        for query in by_id:
            newest = AuditEvent.objects.filter(query).order_by("-pk").values_list("pk", flat=True)
            found += newest[:FOUND_BY_ID]
        if found:
            return queryset.filter(pk__in=found), False
        labels = Q(target_label__icontains=text) | Q(actor_label__icontains=text) | Q(workflow_id=text)
        return recent(queryset).filter(labels), False


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_as_text, value))
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_as_text(each)}" for name, each in value.items())
    return (
        {True: gettext("Yes"), False: gettext("No"), None: str(NOTHING)}.get(value, str(value))
        if value in (True, False, None)
        else str(value)
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
