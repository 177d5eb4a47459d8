"""Admin pages of services and of requests for them. Changes are saved by services, so they are audited."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from apps.audit.admin import LargeTableAdmin
from apps.audit.admin_cells import linked, moment, service_tile, status_label
from apps.integrations import admin_oauth_apps
from apps.integrations.admin_filters import Answered, Category, Enabled, HasOAuthApp, ServiceName
from apps.integrations.catalog.categories import CATEGORY_LABELS
from apps.integrations.catalog.sync import set_enabled
from apps.integrations.models import KINDS_WITH_OAUTH_APP, Integration, OAuthApp, ServiceRequest
from apps.teams.origin import origin_of

__all__ = ["admin_oauth_apps"]  # registers itself


@admin.register(Integration)
class IntegrationAdmin(LargeTableAdmin[Integration]):
    """Services come from the catalog or from teams; operators enable and disable them."""

    list_display = ["service", "kind", "enabled", "has_oauth_app", "connections"]
    list_filter = [Enabled, HasOAuthApp, "kind", Category]
    list_per_page = 50
    search_fields = ["name", "slug", "description"]
    readonly_fields = ["name", "slug", "team", "kind", "category", "description", "icon", "created_at"]
    fields = ["is_enabled", *readonly_fields]
    actions = ["switch_on", "switch_off"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Integration | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        registered = Exists(OAuthApp.objects.filter(integration=OuterRef("pk")))
        return super().get_queryset(request).select_related("team").annotate(registered=registered)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Integration], search_term: str
    ) -> tuple[QuerySet[Integration], bool]:
        """As in the list; for the field of an OAuth app, only services that have one."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        if request.GET.get("model_name") == OAuthApp._meta.model_name:
            found = found.filter(kind__in=KINDS_WITH_OAUTH_APP).order_by("name")
        return found, has_duplicates

    @admin.display(description=_("service"), ordering="name")
    def service(self, integration: Integration) -> SafeString:
        whose = (
            gettext("Custom API of %(team)s") % {"team": integration.team}
            if integration.team
            else str(CATEGORY_LABELS.get(integration.category, integration.category))
        )
        return service_tile(integration.name, whose[:1].upper() + whose[1:], integration.icon)

    @admin.display(description=_("new connections"), ordering="is_enabled")
    def enabled(self, integration: Integration) -> SafeString:
        return (
            status_label("good", gettext("Allowed"))
            if integration.is_enabled
            else status_label("warn", gettext("Not allowed"))
        )

    @admin.display(description=_("OAuth app"))
    def has_oauth_app(self, integration: Integration) -> SafeString | str:
        if vars(integration)["registered"]:
            page = reverse("admin:integrations_oauthapp_changelist")
            return format_html(
                '{} <a href="{}?service={}">{}</a>',
                status_label("good", gettext("Registered")),
                page,
                integration.slug,
                gettext("Open"),
            )
        if integration.kind not in KINDS_WITH_OAUTH_APP:
            return gettext("Needs none")
        page = reverse("admin:integrations_oauthapp_add")
        return format_html(
            gettext('<a href="{page}?integration={pk}">Add<span class="sr"> one for {name}</span></a>'),
            page=page,
            pk=integration.pk,
            name=integration,
        )

    @admin.display(description=_("connections"))
    def connections(self, integration: Integration) -> SafeString:
        page = reverse("admin:connections_connection_changelist")
        return format_html(
            gettext('<a href="{page}?service={slug}">Show<span class="sr"> those of {name}</span></a>'),
            page=page,
            slug=integration.slug,
            name=integration,
        )

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        set_enabled(origin=origin_of(request), integration=obj, is_enabled=obj.is_enabled)

    @admin.action(description=_("Allow new connections"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        for integration in queryset:
            set_enabled(origin=origin_of(request), integration=integration, is_enabled=True)

    @admin.action(description=_("Do not allow new connections"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        for integration in queryset:
            set_enabled(origin=origin_of(request), integration=integration, is_enabled=False)


@admin.register(ServiceRequest)
class ServiceRequestAdmin(admin.ModelAdmin[ServiceRequest]):
    """Who asked for services that are not set up, with the page that adds the OAuth app."""

    list_display = ["integration", "person", "its_team", "note", "asked", "answer"]
    list_filter = [Answered, ServiceName]
    list_select_related = ["integration", "team", "user"]
    search_fields = ["integration__name", "user__email", "user__name", "team__name"]
    list_display_links = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ServiceRequest | None = None) -> bool:
        return False

    @admin.display(description=_("Person"), ordering="user__email")
    def person(self, row: ServiceRequest) -> SafeString:
        return linked("admin:teams_user_change", row.user_id, row.user)

    @admin.display(description=_("Team"), ordering="team__name")
    def its_team(self, row: ServiceRequest) -> SafeString:
        return linked("admin:teams_team_change", row.team_id, row.team)

    @admin.display(description=_("Asked"), ordering="asked_at")
    def asked(self, row: ServiceRequest) -> SafeString:
        return moment(row.asked_at)

    @admin.display(description=_("Answer"), ordering="answered_at")
    def answer(self, row: ServiceRequest) -> SafeString:
        if row.answered_at is not None:
            return status_label("good", pgettext("state", "Set up"), moment(row.answered_at))
        add = f"{reverse('admin:integrations_oauthapp_add')}?integration={row.integration_id}"
        return format_html(
            "{} {}",
            status_label("idle", gettext("Waiting")),
            format_html(
                gettext('<a href="{page}">Add an OAuth app<span class="sr"> for {name}</span></a>'),
                page=add,
                name=row.integration,
            ),
        )
