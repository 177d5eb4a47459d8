"""The audit log in the admin, and the base of read-only admin pages."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from apps.audit.models import AuditEvent


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows that cannot be added, changed or deleted in the admin."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


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
    list_filter = ["outcome", "actor_kind", "action", "integration"]
    search_fields = ["=team_id", "=actor_id", "=target_id", "=token_fp", "workflow_id", "target_label"]
    date_hierarchy = "occurred_at"
    ordering = ["-id"]
    show_full_result_count = False  # counting a long log is slow
