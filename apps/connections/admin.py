"""The operators' view of connections: their state, and *Refresh now*, *Mark for reconnect* and *Revoke*."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.audit.admin import ReadOnlyAdmin
from apps.connections.messages import REASONS, short_reason
from apps.connections.models import AuthorizationAttempt, Connection, TokenSet
from apps.connections.policy.state import state_of
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.status import lock, mark_needs_attention
from apps.errors import SpecwayError
from apps.integrations.models import Integration
from apps.teams.actor import Actor
from apps.teams.models import Team, User
from apps.teams.origin import origin_of

# Teams of one name that a search takes, and connections that it finds for each kind of text.
MOST_TEAMS, MOST_FOUND = 50, 500


class ReasonFilter(admin.SimpleListFilter):
    """Why a connection needs attention. The choices are known: Django's own filter would read them from the table."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason, short_reason(reason)) for reason in REASONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(status_reason=self.value()) if self.value() else queryset


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ["name", "integration", "team", "person", "state", "reason", "is_shared", "next_refresh", "events"]
    list_filter = ["status", ReasonFilter]
    search_fields = ["=id"]
    search_help_text = "The whole name, ID, owner’s e-mail address, name of the team, or slug of the service."
    list_select_related = ["integration", "team", "owner", "token_set"]
    ordering = ["-pk"]
    actions = ["refresh", "mark_for_reconnect", "revoke"]

    def has_mark_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connections.change_connection")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connections.delete_connection")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        return super().get_queryset(request).select_related("credential").defer("credential__fields")

    @admin.display(description="owner", ordering="owner__email")
    def person(self, connection: Connection) -> SafeString:
        page = reverse("admin:teams_user_change", args=[connection.owner_id])
        return format_html('<a href="{}">{}</a>', page, connection.owner)

    @admin.display(description="status", ordering="status")
    def state(self, connection: Connection) -> SafeString:
        state = state_of(connection)
        return format_html('<span class="state state--{}">{}</span>', state.kind, state.label)

    @admin.display(description="reason", ordering="status_reason")
    def reason(self, connection: Connection) -> str:
        return short_reason(connection.status_reason) if connection.status_reason else "–"

    @admin.display(description="events")
    def events(self, connection: Connection) -> SafeString:
        page = reverse("admin:audit_auditevent_changelist")
        return format_html('<a href="{}?target_id={}">Events</a>', page, connection.pk)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Connection], search_term: str
    ) -> tuple[QuerySet[Connection], bool]:
        """Connections by what an index finds: a part of a name would be compared with every row of the table."""
        text = search_term.strip()
        if not text:
            return queryset, False
        indexed: list[dict[str, Any]] = [
            {"lower_name": text.lower()},
            {"owner__in": User.objects.filter(email__iexact=text)[:1]},
            {"team__in": list(Team.objects.filter(name__iexact=text).values_list("pk", flat=True)[:MOST_TEAMS])},
            {"integration__in": list(Integration.objects.filter(slug=text).values_list("pk", flat=True)[:MOST_TEAMS])},
        ]
        with suppress(ValueError):
            indexed.append({"pk": UUID(text)})
        found: list[UUID] = []
        for query in indexed:
            rows = Connection.objects.alias(lower_name=Lower("name")).filter(**query)
            found += rows.order_by().values_list("pk", flat=True)[:MOST_FOUND]
        return queryset.filter(pk__in=found), False

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

    @admin.action(description="Mark for reconnect", permissions=["mark"])
    def mark_for_reconnect(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Let the owners of the selected connections reconnect them: they are not refreshed any more."""
        for connection in queryset.select_related("integration"):
            with transaction.atomic():
                lock(connection.pk)
                mark_needs_attention(connection, reason="reauthorization_required", origin=origin_of(request))
                TokenSet.objects.filter(connection=connection).update(next_refresh_at=None)
            messages.success(request, f"{connection.name} needs attention now. Its owner is notified.")

    @admin.action(description="Revoke…", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Connection]) -> TemplateResponse | None:
        """Disconnect the selected connections, after a confirmation."""
        rows = list(queryset.select_related("integration", "team", "owner"))
        if "confirm" not in request.POST:
            context = {**self.admin_site.each_context(request), "title": "Revoke connections", "connections": rows}
            return TemplateResponse(request, "admin/connections/revoke.html", context)
        actor = Actor(team=None, origin=origin_of(request))
        for connection in rows:
            try:
                outcome = disconnect(actor=actor, connection=connection)
            except SpecwayError as error:
                messages.error(request, f"{connection.name}: {error.sentence}")
            else:
                messages.success(request, f"{connection.name}: {outcome.sentence}")
        return None


@admin.register(AuthorizationAttempt)
class AuthorizationAttemptAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "integration", "team", "user", "status", "error_code"]
    list_filter = ["status"]
    list_select_related = ["integration", "team", "user"]
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
