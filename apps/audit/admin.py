"""The audit log in the admin, and the bases of admin pages: read-only ones, and those of large tables."""

from typing import Any, TypeVar
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from apps.audit.messages import MESSAGES
from apps.audit.models import AuditEvent

Row = TypeVar("Row", bound=Model)

# Rows that a list counts and offers as pages. For those beyond, one searches.
MOST_LISTED = 10_000
# The newest events that filters and a search for text look at, so that none of them reads the whole log.
RECENT_EVENTS = 20_000
# Events that a search for an ID finds, of each kind of ID.
FOUND_BY_ID = 200


class BoundedPaginator(Paginator[Any]):
    """Counts at most MOST_LISTED rows: an exact count would read the whole table."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:MOST_LISTED].count() if isinstance(self.object_list, QuerySet) else 0


class LargeTableAdmin(admin.ModelAdmin[Row]):
    """A list whose cost does not grow with its table."""

    paginator = BoundedPaginator
    show_full_result_count = False


class ReadOnlyAdmin(LargeTableAdmin[Any]):
    """Rows that cannot be added, changed or deleted in the admin."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ActionFilter(admin.SimpleListFilter):
    """The known actions by label. Django's own filter would read the actions from the log."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(MESSAGES.items(), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return recent(queryset).filter(action=self.value()) if self.value() else queryset


class OutcomeFilter(admin.SimpleListFilter):
    """Done or failed, among the newest events."""

    title = "outcome"
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
    list_display = [
        "id",
        "occurred_at",
        "action",
        "outcome",
        "actor_kind",
        "actor_label",
        "target_label",
        "integration",
        "ip",
    ]
    list_filter = [OutcomeFilter, ActionFilter]
    search_fields = ["target_label"]
    search_help_text = (
        "The ID of a team, connection or other target, or a token’s fingerprint. "
        f"Other text, and the filters, apply to the newest {RECENT_EVENTS:,} events."
    )
    ordering = ["-id"]

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


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
