"""Admin pages of OAuth apps. Changes are saved by services, so they are audited."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.forms import Script
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.admin import LargeTableAdmin
from apps.audit.admin_cells import linked, moment, service_tile, status_label
from apps.integrations.admin_filters import AppState, SecretExpiry, ServiceName
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.provider_config import links
from apps.integrations.errors import OAuthAppInUse
from apps.integrations.models import Integration, OAuthApp, ServiceRequest
from apps.integrations.oauth_apps import secret_expiry
from apps.integrations.oauth_apps.forms import ADVANCED, OWN_CALLBACK, PARAM, oauth_app_form, settings_from
from apps.integrations.oauth_apps.guides import setup_guide
from apps.integrations.oauth_apps.probe import probe_client
from apps.integrations.oauth_apps.services import delete_oauth_app, require_unused, save_oauth_app
from apps.integrations.redirect_uri import redirect_uri
from apps.sentences import translated
from apps.teams.origin import origin_of

# The requests that the page of an app lists.
MOST_ASKED = 20


@admin.register(OAuthApp)
class OAuthAppAdmin(LargeTableAdmin[OAuthApp]):
    """The client ID and client secret of a service, for every team or for one."""

    list_display = ["service", "for_whom", "state", "secret_ends", "dependents", "last_test"]
    list_filter = [AppState, SecretExpiry, ServiceName]
    list_per_page = 50
    list_select_related = ["integration", "team"]
    search_fields = ["integration__name", "integration__slug", "client_id", "team__name"]
    autocomplete_fields = ["integration", "team"]
    readonly_fields = [
        "redirect_uri",
        "asked",
        "state",
        "last_test",
        "secret_ends",
        "dependents",
        "created_at",
        "updated_at",
    ]

    class Media:
        js = [Script("js/app.js", type="module"), Script("js/oauth_app.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OAuthApp]:
        apps = OAuthApp.objects.filter(pk=OuterRef("pk")).order_by().values("pk")
        live = apps.annotate(n=Count("connections", filter=~Q(connections__status="disconnecting")))
        # A subquery, which runs for the rows of the page only. A join would count the connections of all apps first.
        return super().get_queryset(request).annotate(dependents=Subquery(live.values("n")))

    def get_urls(self) -> list[Any]:
        test = path("<path:object_id>/test/", self.admin_site.admin_view(self.test_view), name="oauth_app_test")
        return [test, *super().get_urls()]

    def get_form(self, request: HttpRequest, obj: OAuthApp | None = None, change: bool = False, **kwargs: Any) -> Any:
        integration = obj.integration if obj else _selected_integration(request)
        form = super().get_form(request, obj, change=change, form=oauth_app_form(integration, obj), **kwargs)
        if integration:
            form.base_fields["client_id"].help_text = _where_to_register(integration, obj)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: OAuthApp | None = None) -> list[str]:
        # Existing connections belong to this integration and team.
        return [*self.readonly_fields, "integration", "for_whom"] if obj else [*self.readonly_fields]

    def get_fieldsets(self, request: HttpRequest, obj: OAuthApp | None = None) -> Any:
        integration = obj.integration if obj else _selected_integration(request)
        names = oauth_app_form(integration, obj).base_fields
        params = [name for name in names if name.startswith(PARAM)]
        advanced = [*ADVANCED, *(name for name in names if name == OWN_CALLBACK)]
        fieldsets: list[Any] = [
            (gettext("Service"), {"fields": ["integration", "for_whom" if obj else "team", "redirect_uri", "asked"]}),
            (
                gettext("As registered at the service"),
                {"fields": ["client_id", "secret", "secret_expires_on", *params]},
            ),
            (gettext("Advanced"), {"classes": ["collapse"], "fields": advanced}),
        ]
        status = ["state", "last_test", "secret_ends", "dependents", "created_at", "updated_at"]
        return [*fieldsets, (gettext("Status"), {"fields": status})] if obj else fieldsets

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # one at a time, each with its own check
        return actions

    @admin.display(description=_("Service"), ordering="integration__name")
    def service(self, oauth_app: OAuthApp) -> SafeString:
        integration = oauth_app.integration
        return service_tile(integration.name, oauth_app.client_id, integration.icon)

    @admin.display(description=_("For"), ordering="team__name")
    def for_whom(self, oauth_app: OAuthApp) -> str:
        return str(oauth_app.team or gettext("Every team"))

    @admin.display(description=_("Redirect URI"))
    def redirect_uri(self, oauth_app: OAuthApp) -> SafeString | str:
        if not Integration.objects.filter(pk=oauth_app.integration_id).exists():
            return gettext("Save the integration first: the redirect URI depends on it.")
        return format_html(
            '<code id="redirect-uri">{}</code> '
            '<button class="btn btn--sm" type="button" data-copy="#redirect-uri">{}</button> {}',
            redirect_uri(oauth_app),
            gettext("Copy"),
            gettext("Register exactly this URI at the service."),
        )

    @admin.display(description=_("People who asked"))
    def asked(self, oauth_app: OAuthApp) -> SafeString | str:
        """Those who asked for the service and wait, newest first, with their words."""
        waiting = ServiceRequest.objects.filter(integration=oauth_app.integration_id, answered_at=None)
        rows = [
            (
                linked("admin:teams_user_change", row.user_id, row.user),
                row.team,
                f"“{row.note}” " if row.note else "",
                moment(row.asked_at),
            )
            for row in waiting.select_related("user", "team")[:MOST_ASKED]
        ]
        return (
            format_html("<ul>{}</ul>", format_html_join("", "<li>{}, {} {}{}</li>", rows)) if rows else gettext("None")
        )

    @admin.display(description=_("Secret expires"), ordering="secret_expires_on")
    def secret_ends(self, oauth_app: OAuthApp) -> SafeString | str:
        ends, today = oauth_app.secret_expires_on, timezone.now().date()
        if ends is None:
            return gettext("Not known")
        label = secret_expiry.relative_date(ends, today=today)
        if secret_expiry.threshold(ends, today=today) is None:
            return label
        return status_label("bad" if ends <= today else "warn", label)

    @admin.display(description=_("Connections"))
    def dependents(self, oauth_app: OAuthApp) -> SafeString:
        count: int = cast(Any, oauth_app).dependents  # annotated by get_queryset
        page = reverse("admin:connections_connection_changelist")
        return format_html('<a href="{}?oauth_app__id__exact={}">{}</a>', page, oauth_app.pk, f"{count:,}")

    @admin.display(description=_("Status"), ordering="broken_since")
    def state(self, oauth_app: OAuthApp) -> SafeString:
        if oauth_app.broken_since is not None:
            reason = format_html("{} ({})", moment(oauth_app.broken_since), oauth_app.broken_code)
            return status_label("bad", gettext("Rejected by the service since"), reason)
        if oauth_app.tested_at is None:
            return status_label("idle", gettext("Not tested"))
        return status_label("good", gettext("Accepted"))

    @admin.display(description=_("Last test"), ordering="tested_at")
    def last_test(self, oauth_app: OAuthApp) -> SafeString | str:
        at = oauth_app.tested_at
        if at is None:
            return gettext("Not tested with the current values.")
        return format_html(
            gettext("{message} Tested {time}."), message=translated(oauth_app.test_message), time=moment(at)
        )

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: OAuthApp | None = None,
    ) -> HttpResponse:
        """With the guide to register the app at its service."""
        integration = obj.integration if obj else _selected_integration(request)
        team = obj.team if obj else None
        context["guide"] = setup_guide(integration, oauth_app=obj, team=team) if integration else None
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: OAuthApp, form: Any, change: bool) -> None:
        saved = save_oauth_app(
            origin=origin_of(request),
            integration=obj.integration,
            team=obj.team,
            client_id=obj.client_id,
            client_secret=form.cleaned_data["secret"] or None,
            secret_expires_on=obj.secret_expires_on,
            **settings_from(form.cleaned_data),
        )
        obj.pk = saved.pk

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Test whether the service accepts the app (POST)."""
        oauth_app = self.get_object(request, object_id)
        if oauth_app is None or not self.has_change_permission(request, oauth_app):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        verdict = probe_client(origin=origin_of(request), oauth_app=oauth_app)
        level = {"accepted": messages.SUCCESS, "refused": messages.ERROR}.get(verdict.result, messages.WARNING)
        self.message_user(request, str(verdict), level)
        return redirect("admin:integrations_oauthapp_change", object_id)

    def delete_model(self, request: HttpRequest, obj: OAuthApp) -> None:
        delete_oauth_app(origin=origin_of(request), oauth_app=obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        oauth_app = self.get_object(request, object_id)
        try:
            if oauth_app:
                require_unused(oauth_app)
        except OAuthAppInUse as refusal:
            self.message_user(request, translated(refusal.sentence), messages.ERROR)
            return redirect(reverse("admin:integrations_oauthapp_change", args=[object_id]))
        return super().delete_view(request, object_id, extra_context)


def _selected_integration(request: HttpRequest) -> Integration | None:
    """The integration selected in the submitted form or in the link to it."""
    selected = request.POST.get("integration", "") or request.GET.get("integration", "")
    return next((one for one in Integration.objects.all() if str(one.pk) == selected), None)


def _where_to_register(integration: Integration, oauth_app: OAuthApp | None) -> SafeString | str:
    entry = entry_of(integration)
    console = links(entry, oauth_app).console_url if entry else ""
    if not console:
        return ""
    return format_html(
        gettext(
            'Register an OAuth app at <a href="{page}" rel="noreferrer">{service}’s console</a>, which issues both.'
        ),
        page=console,
        service=integration.name,
    )
