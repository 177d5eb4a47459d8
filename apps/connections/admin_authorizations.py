"""The operators' view of authorizations: who authorized what, and how that ended."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.admin import ReadOnlyAdmin
from apps.audit.admin_cells import NOTHING, ago, linked, moment, service_tile, status_label
from apps.connections.models import AuthorizationAttempt
from apps.sentences import translated

FIELDSETS: list[Any] = [
    (_("Status"), {"fields": ["state", "problem", "started", "answered", "ends"]}),
    (_("Owner"), {"fields": ["person", "its_team"]}),
    (_("Account"), {"fields": ["service", "app", "its_connection", "permissions", "callback"]}),
]
_Status = AuthorizationAttempt.Status
_KINDS: dict[str, str] = {_Status.SUCCEEDED: "good", _Status.FAILED: "bad", _Status.CANCELED: "idle"}


@admin.register(AuthorizationAttempt)
class AuthorizationAttemptAdmin(ReadOnlyAdmin):
    """Newest first, by the key, which grows. None of its values is a secret."""

    list_display = ["attempt", "state", "who", "when"]
    list_filter = ["status"]
    list_per_page = 50
    list_select_related = ["integration", "team", "user"]
    ordering = ["-pk"]
    fieldsets = FIELDSETS

    def get_readonly_fields(self, request: HttpRequest, obj: AuthorizationAttempt | None = None) -> list[str]:
        return [name for _, options in FIELDSETS for name in options["fields"]]

    @admin.display(description=_("authorization"))
    def attempt(self, attempt: AuthorizationAttempt) -> SafeString:
        is_reconnect = attempt.connection_id and attempt.status != _Status.SUCCEEDED
        purpose = gettext("Reconnect") if is_reconnect else gettext("Connect")
        return service_tile(purpose, attempt.integration.name, attempt.integration.icon)

    @admin.display(description=_("status"))
    def state(self, attempt: AuthorizationAttempt) -> SafeString:
        """The status in words, with the service's or our code of an error."""
        return status_label(_KINDS.get(attempt.status, "warn"), attempt.get_status_display(), attempt.error_code)

    @admin.display(description=_("user, team"))
    def who(self, attempt: AuthorizationAttempt) -> SafeString:
        return format_html('{}<span class="sub">{}</span>', self.person(attempt), self.its_team(attempt))

    @admin.display(description=_("started"), ordering="pk")
    def when(self, attempt: AuthorizationAttempt) -> SafeString:
        return ago(attempt.created_at)

    @admin.display(description=_("error"))
    def problem(self, attempt: AuthorizationAttempt) -> str:
        return translated(attempt.error_message) or attempt.error_code or str(NOTHING)

    @admin.display(description=_("started"))
    def started(self, attempt: AuthorizationAttempt) -> SafeString:
        return moment(attempt.created_at)

    @admin.display(description=_("response received"))
    def answered(self, attempt: AuthorizationAttempt) -> SafeString:
        return moment(attempt.consumed_at, str(NOTHING))

    @admin.display(description=_("expires"))
    def ends(self, attempt: AuthorizationAttempt) -> SafeString:
        return moment(attempt.expires_at)

    @admin.display(description=_("user"))
    def person(self, attempt: AuthorizationAttempt) -> SafeString:
        return linked("admin:teams_user_change", attempt.user_id, attempt.user)

    @admin.display(description=_("team"))
    def its_team(self, attempt: AuthorizationAttempt) -> SafeString:
        return linked("admin:teams_team_change", attempt.team_id, attempt.team)

    @admin.display(description=_("service"))
    def service(self, attempt: AuthorizationAttempt) -> SafeString:
        return linked("admin:integrations_integration_change", attempt.integration_id, attempt.integration)

    @admin.display(description=_("OAuth app"))
    def app(self, attempt: AuthorizationAttempt) -> SafeString:
        return linked("admin:integrations_oauthapp_change", attempt.oauth_app_id, attempt.oauth_app)

    @admin.display(description=_("connection"))
    def its_connection(self, attempt: AuthorizationAttempt) -> SafeString | str:
        if attempt.connection_id is None:
            return str(NOTHING)
        return linked("admin:connections_connection_change", attempt.connection_id, attempt.connection)

    @admin.display(description=_("permissions requested"))
    def permissions(self, attempt: AuthorizationAttempt) -> SafeString | str:
        scopes = [(scope,) for scope in sorted(attempt.scopes_requested)]
        return format_html_join(" ", "<code>{}</code>", scopes) if scopes else str(NOTHING)

    @admin.display(description=_("redirect URI"))
    def callback(self, attempt: AuthorizationAttempt) -> SafeString:
        return format_html("<code>{}</code>", attempt.redirect_uri)
