"""The operators' view of connections: their status, and *Refresh now*. Secrets are not displayed."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.audit.admin import ReadOnlyAdmin
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services.refresh import refresh_now
from apps.errors import SpecwayError
from apps.teams.actor import Actor
from apps.teams.origin import origin_of


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ["name", "integration", "team", "owner", "status", "status_reason", "is_shared", "next_refresh"]
    list_filter = ["status", "status_reason", "integration", "is_shared"]
    search_fields = ["name", "account_label", "owner__email", "team__name", "=id"]
    list_select_related = ["integration", "team", "owner", "token_set"]
    date_hierarchy = "created_at"
    actions = ["refresh"]

    @admin.display(description="next refresh")
    def next_refresh(self, connection: Connection) -> object:
        token_set = getattr(connection, "token_set", None)
        return token_set.next_refresh_at if token_set else None

    @admin.action(description="Refresh now", permissions=["view"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Refresh the selected connections, and report each failure."""
        actor = Actor(team=None, origin=origin_of(request))
        for connection in queryset.select_related("integration"):
            try:
                refresh_now(connection=connection, actor=actor)
            except SpecwayError as error:
                messages.error(request, f"{connection.name}: {error.sentence}")
            else:
                messages.success(request, f"{connection.name} has a new token.")


@admin.register(AuthorizationAttempt)
class AuthorizationAttemptAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "integration", "team", "user", "status", "error_code"]
    list_filter = ["status", "error_code", "integration"]
    fields = [
        "integration",
        "team",
        "user",
        "connection",
        "status",
        "error_code",
        "error_message",
        "scopes_requested",
        "redirect_uri",
        "created_at",
        "expires_at",
        "consumed_at",
    ]
