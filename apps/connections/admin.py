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
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.admin import ReadOnlyAdmin
from apps.audit.admin_cells import NOTHING, ago, linked, moment, service_tile, status_label
from apps.connections import admin_authorizations
from apps.connections.admin_filters import (
    KindFilter,
    OwnerFilter,
    ReasonFilter,
    ServiceFilter,
    StateFilter,
    TeamFilter,
)
from apps.connections.messages import reason_of, short_reason
from apps.connections.models import Connection, TokenSet
from apps.connections.policy.outlook import last_verified_at
from apps.connections.policy.state import state_of
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.status import lock, mark_needs_attention
from apps.errors import SpecwayError
from apps.integrations.models import Integration
from apps.sentences import translated
from apps.teams.actor import Actor
from apps.teams.models import Team, User
from apps.teams.origin import origin_of

__all__ = ["admin_authorizations"]  # registers itself

FIELDSETS: list[Any] = [
    (_("Status"), {"fields": ["state", "reason", "since", "last_verified", "next_refresh", "token_expires"]}),
    (_("Owner"), {"fields": ["person", "its_team", "sharing"]}),
    (_("Account"), {"fields": ["service", "name", "account_label", "app", "permissions"]}),
    (_("History"), {"fields": ["created", "last_used", "events"]}),
]

# Teams of one name that a search takes, and connections that it finds for each kind of text.
MOST_TEAMS, MOST_FOUND = 50, 500


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ["account", "state", "owner_and_team", "since_when", "created_when"]
    list_filter = [StateFilter, ReasonFilter, ServiceFilter, TeamFilter, OwnerFilter, KindFilter]
    list_per_page = 50
    fieldsets = FIELDSETS
    change_form_template = "admin/connections/connection.html"
    search_fields = ["=id"]
    search_help_text = _("The whole name, ID, owner’s e-mail address, name of the team, or slug of the service.")
    ordering = ["-created_at", "-pk"]
    actions = ["refresh", "mark_for_reconnect", "revoke"]

    def has_mark_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connections.change_connection")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connections.delete_connection")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        # Here, not as list_select_related, which Django ignores where the queryset has related rows already.
        related = [
            "integration",
            "team",
            "owner",
            "token_set",
            "oauth_app__integration",
            "oauth_app__team",
            "credential",
        ]
        return super().get_queryset(request).select_related(*related).defer("credential__fields")

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[str]:
        return [name for _, options in FIELDSETS for name in options["fields"]]

    @admin.display(description=_("connection"), ordering="name")
    def account(self, connection: Connection) -> SafeString:
        return service_tile(connection.name, connection.integration.name, connection.integration.icon)

    @admin.display(description=_("since"), ordering="status_changed_at")
    def since_when(self, connection: Connection) -> SafeString:
        return ago(connection.status_changed_at)

    @admin.display(description=_("created"), ordering="created_at")
    def created_when(self, connection: Connection) -> SafeString:
        return ago(connection.created_at)

    @admin.display(description=_("service"), ordering="integration__name")
    def service(self, connection: Connection) -> SafeString:
        return linked("admin:integrations_integration_change", connection.integration_id, connection.integration)

    @admin.display(description=_("owner, team"), ordering="owner__email")
    def owner_and_team(self, connection: Connection) -> SafeString:
        return format_html('{}<span class="sub">{}</span>', self.person(connection), self.its_team(connection))

    @admin.display(description=_("owner"))
    def person(self, connection: Connection) -> SafeString:
        return linked("admin:teams_user_change", connection.owner_id, connection.owner)

    @admin.display(description=_("team"))
    def its_team(self, connection: Connection) -> SafeString:
        return linked("admin:teams_team_change", connection.team_id, connection.team)

    @admin.display(description=_("status"), ordering="status")
    def state(self, connection: Connection) -> SafeString:
        """The state in words, with icon and color, and the reason in a few words."""
        state, reason = state_of(connection), connection.status_reason
        return format_html("{}", status_label(state.kind, state.label, short_reason(reason) if reason else ""))

    @admin.display(description=_("reason"))
    def reason(self, connection: Connection) -> str:
        return reason_of(connection) if connection.status_reason else str(NOTHING)

    @admin.display(description=_("since"), ordering="status_changed_at")
    def since(self, connection: Connection) -> SafeString:
        return moment(connection.status_changed_at)

    @admin.display(description=_("last verified"))
    def last_verified(self, connection: Connection) -> SafeString:
        return moment(last_verified_at(connection), gettext("Not verified yet"))

    @admin.display(description=_("events"))
    def events(self, connection: Connection) -> SafeString:
        page = reverse("admin:audit_auditevent_changelist")
        events = format_html(gettext('Events<span class="sr"> of {name}</span>'), name=connection.name)
        return format_html('<a href="{}?target_id={}">{}</a>', page, connection.pk, events)

    @admin.display(description=_("OAuth app"))
    def app(self, connection: Connection) -> SafeString | str:
        if connection.oauth_app_id is None:
            return str(NOTHING)
        return linked("admin:integrations_oauthapp_change", connection.oauth_app_id, connection.oauth_app)

    @admin.display(description=_("permissions granted"))
    def permissions(self, connection: Connection) -> SafeString | str:
        scopes = sorted(connection.scopes_granted)
        return (
            format_html_join(" ", "<code>{}</code>", ((scope,) for scope in scopes)) if scopes else gettext("Not known")
        )

    @admin.display(description=_("sharing"))
    def sharing(self, connection: Connection) -> str:
        return gettext("Shared with the team") if connection.is_shared else gettext("Personal")

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

    @admin.display(description=_("next refresh"))
    def next_refresh(self, connection: Connection) -> SafeString:
        token_set = getattr(connection, "token_set", None)
        return moment(token_set.next_refresh_at if token_set else None, gettext("None planned"))

    @admin.display(description=_("token expires"))
    def token_expires(self, connection: Connection) -> SafeString:
        token_set = getattr(connection, "token_set", None)
        return moment(token_set.expires_at if token_set else None, gettext("Not known"))

    @admin.display(description=_("created"))
    def created(self, connection: Connection) -> SafeString:
        return moment(connection.created_at)

    @admin.display(description=_("last used"))
    def last_used(self, connection: Connection) -> SafeString:
        return moment(connection.last_used_at, gettext("Never"))

    @admin.action(description=_("Refresh now"), permissions=["view"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Refresh the selected connections, and report each failure."""
        actor = Actor(team=None, origin=origin_of(request))
        for connection in queryset.select_related("integration"):
            try:
                refresh_now(connection=connection, actor=actor)
            except SpecwayError as error:
                messages.error(request, f"{connection.name}: {translated(error.sentence)}")
            else:
                messages.success(request, gettext("%(connection)s has a new token.") % {"connection": connection.name})

    @admin.action(description=_("Mark for reconnect"), permissions=["mark"])
    def mark_for_reconnect(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Let the owners of the selected connections reconnect them: they are not refreshed any more."""
        for connection in queryset.select_related("integration"):
            with transaction.atomic():
                lock(connection.pk)
                mark_needs_attention(connection, reason="reauthorization_required", origin=origin_of(request))
                TokenSet.objects.filter(connection=connection).update(next_refresh_at=None)
            marked = gettext("%(connection)s needs attention now. Its owner is notified.")
            messages.success(request, marked % {"connection": connection.name})

    @admin.action(description=_("Revoke…"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Connection]) -> TemplateResponse | None:
        """Disconnect the selected connections, after a confirmation."""
        rows = list(queryset.select_related("integration", "team", "owner"))
        if "confirm" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": gettext("Revoke connections"),
                "connections": rows,
            }
            return TemplateResponse(request, "admin/connections/revoke.html", context)
        actor = Actor(team=None, origin=origin_of(request))
        for connection in rows:
            try:
                outcome = disconnect(actor=actor, connection=connection)
            except SpecwayError as error:
                messages.error(request, f"{connection.name}: {translated(error.sentence)}")
            else:
                messages.success(request, f"{connection.name}: {translated(outcome.sentence)}")
        return None
