"""The operators' place for services and OAuth apps. Everything is saved by services, so everything is audited."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.forms import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.integrations.catalogue import entry_of, links
from apps.integrations.errors import OAuthAppInUse
from apps.integrations.models import KINDS_WITH_OAUTH_APP, Integration, OAuthApp
from apps.integrations.redirect import redirect_uri
from apps.integrations.services import (
    client_param_problems,
    delete_oauth_app,
    require_unused,
    save_oauth_app,
    set_enabled,
)
from apps.teams.origin import origin_of
from apps.vault.forms import SecretFormField

_PARAMS_HELP = 'What a few services need besides, such as {"origin": "https://example.com"}; {} for all others.'


class HasOAuthApp(admin.SimpleListFilter):
    """Services that are set up, and those that wait for an OAuth app."""

    title = "OAuth app"
    parameter_name = "oauth_app"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Registered"), ("no", "Missing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Integration]) -> QuerySet[Integration]:
        registered = Exists(OAuthApp.objects.filter(integration=OuterRef("pk")))
        wanted = {"yes": Q(registered), "no": ~Q(registered)}.get(self.value() or "")
        return queryset.filter(wanted) if wanted else queryset


@admin.register(Integration)
class IntegrationAdmin(admin.ModelAdmin[Integration]):
    """Services come from the catalogue or from teams; an operator switches them on and off."""

    list_display = ["name", "slug", "kind", "category", "team", "is_enabled", "has_oauth_app"]
    list_filter = ["is_enabled", HasOAuthApp, "kind", "category"]
    search_fields = ["name", "slug", "description"]
    readonly_fields = ["name", "slug", "team", "kind", "category", "description", "icon", "created_at"]
    fields = ["is_enabled", *readonly_fields]
    actions = ["switch_on", "switch_off"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Integration | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        return super().get_queryset(request).select_related("team").prefetch_related("oauth_apps")

    @admin.display(boolean=True, description="OAuth app")
    def has_oauth_app(self, integration: Integration) -> bool:
        return bool(integration.oauth_apps.all())

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        set_enabled(origin=origin_of(request), integration=obj, is_enabled=obj.is_enabled)

    @admin.action(description="Let people make new connections", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        for integration in queryset:
            set_enabled(origin=origin_of(request), integration=integration, is_enabled=True)

    @admin.action(description="Let nobody make new connections", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        for integration in queryset:
            set_enabled(origin=origin_of(request), integration=integration, is_enabled=False)


class OAuthAppForm(forms.ModelForm[OAuthApp]):
    """An OAuth app. Its secret is only ever taken, never shown."""

    # Not by the name of the model's field, which no form may edit.
    secret = SecretFormField(label="Client secret", required=False, max_length=4000)

    class Meta:
        model = OAuthApp
        fields = ["integration", "team", "client_id", "params", "secret_expires_on"]
        labels = {"params": "Parameters"}
        widgets = {"params": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_stored = self.instance.client_secret is not None
        self.fields["secret"].help_text = "Stored. Leave empty to keep it." if is_stored else "Not stored yet."

    def clean_client_id(self) -> str:
        return str(self.cleaned_data["client_id"]).strip()

    def clean_secret(self) -> str:
        return str(self.cleaned_data["secret"]).strip()

    def clean(self) -> None:
        super().clean()
        integration = self.cleaned_data.get("integration") or getattr(self.instance, "integration", None)
        params = self.cleaned_data.get("params") or {}
        if integration is None or self.errors:
            return
        if integration.kind not in KINDS_WITH_OAUTH_APP:
            self.add_error(None, f"{integration.name} needs no OAuth app: people enter a key of their own.")
        elif not isinstance(params, dict):
            self.add_error("params", 'Enter an object, such as {"origin": "https://example.com"}, or {}.')
        else:
            for name, sentence in client_param_problems(integration, params):
                self.add_error("params", f"{name}: {sentence}")
        if not self.cleaned_data.get("secret") and self._needs_secret(integration):
            self.add_error("secret", f"{integration.name} gives out a client secret: enter it.")

    def _needs_secret(self, integration: Integration) -> bool:
        entry = entry_of(integration)
        oauth2 = entry.oauth2 if entry else None
        is_public = oauth2 is not None and oauth2.token_endpoint_auth_method == "none"
        return self.instance.client_secret is None and not is_public


@admin.register(OAuthApp)
class OAuthAppAdmin(admin.ModelAdmin[OAuthApp]):
    """The client ID and client secret of a service, for every team or for one."""

    form = OAuthAppForm
    list_display = ["integration", "for_whom", "client_id", "secret_expires_on", "state", "updated_at"]
    list_filter = [("broken_since", admin.EmptyFieldListFilter), "secret_expires_on", "integration"]
    list_select_related = ["integration", "team"]
    search_fields = ["integration__name", "integration__slug", "client_id", "team__name"]
    autocomplete_fields = ["team"]
    readonly_fields = ["redirect_uri", "state", "created_at", "updated_at"]
    fieldsets = [
        (None, {"fields": ["integration", "team", "redirect_uri"]}),
        ("As registered at the service", {"fields": ["client_id", "secret", "secret_expires_on", "params"]}),
        ("How it stands", {"fields": ["state", "created_at", "updated_at"]}),
    ]

    class Media:
        js = [Script("js/app.js", type="module")]

    def get_form(self, request: HttpRequest, obj: OAuthApp | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        integration = obj.integration if obj else _preselected(request)
        if integration:
            form.base_fields["client_id"].help_text = _where_to_register(integration, obj)
        form.base_fields["params"].help_text = _PARAMS_HELP
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: OAuthApp | None = None) -> list[str]:
        # Moving an app would leave connections behind that it was not made for.
        return [*self.readonly_fields, "integration", "team"] if obj else [*self.readonly_fields]

    def get_fieldsets(self, request: HttpRequest, obj: OAuthApp | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj else fieldsets[:-1]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # one at a time, each with its own refusal
        return actions

    @admin.display(description="For", ordering="team__name")
    def for_whom(self, oauth_app: OAuthApp) -> str:
        return str(oauth_app.team or "Every team")

    @admin.display(description="Redirect URI")
    def redirect_uri(self, oauth_app: OAuthApp) -> SafeString:
        return format_html(
            '<code id="redirect-uri">{}</code> <button type="button" data-copy="#redirect-uri">Copy</button> '
            "Register exactly this at the service.",
            redirect_uri(),
        )

    @admin.display(description="State", ordering="broken_since")
    def state(self, oauth_app: OAuthApp) -> str:
        if oauth_app.broken_since is None:
            return "Accepted, as far as is known"
        since = oauth_app.broken_since
        return f"Refused by the service since {since:%-d %b %Y, %H:%M} UTC ({oauth_app.broken_code})"

    def save_model(self, request: HttpRequest, obj: OAuthApp, form: Any, change: bool) -> None:
        saved = save_oauth_app(
            origin=origin_of(request),
            integration=obj.integration,
            team=obj.team,
            client_id=obj.client_id,
            client_secret=form.cleaned_data["secret"] or None,
            params=obj.params,
            secret_expires_on=obj.secret_expires_on,
        )
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: OAuthApp) -> None:
        delete_oauth_app(origin=origin_of(request), oauth_app=obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        oauth_app = self.get_object(request, object_id)
        try:
            if oauth_app:
                require_unused(oauth_app)
        except OAuthAppInUse as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
            return redirect(reverse("admin:integrations_oauthapp_change", args=[object_id]))
        return super().delete_view(request, object_id, extra_context)


def _preselected(request: HttpRequest) -> Integration | None:
    """The integration that the link to the add form named."""
    wanted = request.GET.get("integration", "")
    return next((found for found in Integration.objects.filter(team=None) if str(found.pk) == wanted), None)


def _where_to_register(integration: Integration, oauth_app: OAuthApp | None) -> SafeString | str:
    entry = entry_of(integration)
    console = links(entry, oauth_app).console_url if entry else ""
    if not console:
        return ""
    return format_html(
        'Register an OAuth app at <a href="{}" rel="noreferrer">{}’s console</a>, which gives out both.',
        console,
        integration.name,
    )
