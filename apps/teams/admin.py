"""The admin of people, teams, invitations and API keys. Changes are audited as an operator's."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet, BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apps.audit.admin import BoundedPaginator, LargeTableAdmin, ReadOnlyAdmin
from apps.audit.admin_cells import NOTHING, linked, moment, status_label
from apps.audit.origin import Target
from apps.audit.services import record
from apps.teams.actor import operator_actor
from apps.teams.models import ApiKey, Invitation, Membership, Role, ServiceKeys, Team, User
from apps.teams.origin import origin_of
from apps.teams.services import members, teams
from apps.teams.services.api_keys import revoke_api_key

# The teams of a person that the page names.
MOST_LINKED = 50
# What the pages of invitations and API keys show. No hash of a secret.
INVITATION_FIELDS: Any = ["email", "its_team", "role", "state", "invited_by", "created"]
KEY_FIELDS: list[Any] = ["name", "kind", "state", "its_team", "person", "permissions", "created", "last_used", "prefix"]

# Texts of pages of Django that its German catalog does not have.
_OF_DJANGO = (
    gettext_noop("After you’ve created a user, you’ll be able to edit more user options."),
    gettext_noop("Enable password-based authentication for this user by setting a password."),
    gettext_noop(
        "Whether the user will be able to authenticate using a password or not. If disabled, they may still be able to "
        "authenticate using other backends, such as Single Sign-On or LDAP."
    ),
)


class AccountState(admin.SimpleListFilter):
    """Whether a person may sign in."""

    title = _("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", gettext("Active")), ("deactivated", gettext("Deactivated"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        wanted = {"active": True, "deactivated": False}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(is_active=wanted)


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """People are deactivated, not deleted: connections and the log refer to them."""

    list_display = ["email", "name", "state", "role", "signed_in", "related"]
    list_filter = [AccountState, "is_staff"]
    list_per_page = 50
    search_fields = ["email", "name"]
    ordering = ["email"]
    paginator = BoundedPaginator
    show_full_result_count = False
    readonly_fields = ["last_login", "date_joined", "related", "member_of"]
    fieldsets = [
        (_("Account"), {"fields": ["email", "name", "password", "member_of", "related"]}),
        (_("Access"), {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]

    @admin.display(description=_("status"), ordering="is_active")
    def state(self, user: User) -> SafeString:
        return (
            status_label("good", gettext("Active")) if user.is_active else status_label("bad", gettext("Deactivated"))
        )

    @admin.display(description=_("operator"), ordering="is_staff")
    def role(self, user: User) -> str:
        return gettext("Operator") if user.is_staff else gettext("No")

    @admin.display(description=_("last signed in"), ordering="last_login")
    def signed_in(self, user: User) -> SafeString:
        return moment(user.last_login, gettext("Never"))

    @admin.display(description=_("teams"))
    def member_of(self, user: User) -> SafeString | str:
        rows = Membership.objects.filter(user=user).select_related("team").order_by("team__name")[:MOST_LINKED]
        cells = [(linked("admin:teams_team_change", row.team_id, row.team), row.get_role_display()) for row in rows]
        return format_html_join(", ", "{} ({})", cells) or str(NOTHING)

    @admin.display(description=_("links"))
    def related(self, user: User) -> SafeString:
        return format_html(
            '<a href="{}?owner={}">{}</a> · <a href="{}?actor={}">{}</a>',
            *(reverse("admin:connections_connection_changelist"), user.pk),
            format_html(gettext('Connections<span class="sr"> of {name}</span>'), name=user),
            *(reverse("admin:audit_auditevent_changelist"), user.pk),
            format_html(gettext('Events<span class="sr"> by {name}</span>'), name=user),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Only superusers change access; people change their own address, since it must be verified."""
        access = [] if request.user.is_superuser else ["is_staff", "is_superuser", "groups", "user_permissions"]
        return [*self.readonly_fields, *access, *(["email"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        _record_account(request, obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Called in the transaction of each change, including passwords."""
        _record_account(request, obj, message)
        return super().log_change(request, obj, message)


def _record_account(request: HttpRequest, user: User, message: Any) -> None:
    # The message has the names of changed fields, not their values.
    record(
        action="account.changed",
        origin=origin_of(request),
        team_id=None,
        target=Target(type="user", id=str(user.pk), label=str(user)),
        changes=message if isinstance(message, list) else str(message),
    )


class LabeledFormSet(BaseInlineFormSet[Membership, Team, ModelForm[Membership]]):
    """Fields in a table, named for assistive technology after their column."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        for form_field in form.fields.values():
            if form_field.label:
                form_field.widget.attrs.setdefault("aria-label", str(form_field.label))


class MembershipInline(admin.TabularInline[Membership, Team]):
    model = Membership
    formset = LabeledFormSet
    extra = 0
    autocomplete_fields = ["user"]

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> list[str]:
        return ["created_at"]


@admin.register(Team)
class TeamAdmin(LargeTableAdmin[Team]):
    """Teams are not deleted here: their grants at the services would not be revoked."""

    list_display = ["name", "created", "related"]
    readonly_fields = ["created", "related"]
    list_per_page = 50
    search_fields = ["name", "=id"]
    inlines = [MembershipInline]

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, team: Team) -> SafeString:
        return moment(team.created_at)

    @admin.display(description=_("links"))
    def related(self, team: Team) -> SafeString:
        return format_html(
            '<a href="{}?team={}">{}</a> · <a href="{}?team_id={}">{}</a>',
            *(reverse("admin:connections_connection_changelist"), team.pk),
            format_html(gettext('Connections<span class="sr"> of {name}</span>'), name=team),
            *(reverse("admin:audit_auditevent_changelist"), team.pk),
            format_html(gettext('Events<span class="sr"> of {name}</span>'), name=team),
        )

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Team, form: ModelForm[Team], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.has_changed():
            record(
                action="team.renamed" if change else "team.created",
                origin=origin_of(request),
                team_id=obj.pk,
                target=teams.target_of(obj),
            )

    def save_formset(self, request: HttpRequest, form: Any, formset: BaseModelFormSet[Any, Any], change: bool) -> None:
        """Change members by the same services as the team's page. Service keys stay; revoke them in their list."""
        actor = operator_actor(form.instance, origin=origin_of(request))
        formset.save(commit=False)
        for membership in formset.new_objects:
            members.add_member(actor=actor, user=membership.user, role=Role(membership.role))
        # New owners first, so that a team can change its only owner in one form.
        changed = [membership for membership, _names in formset.changed_objects]
        for membership in sorted(changed, key=lambda member: member.role != Role.OWNER):
            role = Role(membership.role)
            members.change_role(actor=actor, membership_id=membership.pk, role=role, service_keys=ServiceKeys.KEEP)
        for membership in formset.deleted_objects:
            members.remove_member(actor=actor, membership_id=membership.pk, service_keys=ServiceKeys.KEEP)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "kind", "state", "its_team", "person", "last_used", "prefix"]
    list_filter = ["kind"]
    list_per_page = 50
    list_select_related = ["team", "user"]
    search_fields = ["name", "=prefix", "team__name", "user__email"]
    fields = KEY_FIELDS
    actions = ["revoke"]

    @admin.display(description=_("status"))
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at is not None:
            return status_label("idle", gettext("Revoked"), moment(key.revoked_at))
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return status_label("bad", gettext("Expired"), moment(key.expires_at))
        return status_label(
            "good",
            gettext("Active"),
            format_html(gettext("until {time}"), time=moment(key.expires_at)) if key.expires_at else "",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return KEY_FIELDS

    @admin.display(description=_("permissions"))
    def permissions(self, key: ApiKey) -> SafeString:
        return format_html_join(" ", "<code>{}</code>", ((scope,) for scope in key.scopes))

    @admin.display(description=_("team"), ordering="team__name")
    def its_team(self, key: ApiKey) -> SafeString:
        return linked("admin:teams_team_change", key.team_id, key.team)

    @admin.display(description=_("person"), ordering="user__email")
    def person(self, key: ApiKey) -> SafeString | str:
        return linked("admin:teams_user_change", key.user_id, key.user) if key.user_id else str(NOTHING)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, key: ApiKey) -> SafeString:
        return moment(key.created_at)

    @admin.display(description=_("last used"), ordering="last_used_at")
    def last_used(self, key: ApiKey) -> SafeString:
        return moment(key.last_used_at, gettext("Never"))

    @admin.action(description=_("Revoke the selected API keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for api_key in queryset.select_related("team"):
            revoke_api_key(actor=operator_actor(api_key.team, origin=origin_of(request)), api_key_id=api_key.pk)
        self.message_user(request, gettext("The selected API keys are revoked."))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("teams.change_apikey")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["email", "its_team", "role", "state", "invited_by", "created"]
    list_per_page = 50
    list_select_related = ["team", "invited_by"]
    search_fields = ["email", "team__name"]
    fields = INVITATION_FIELDS
    readonly_fields = INVITATION_FIELDS

    @admin.display(description=_("status"))
    def state(self, invitation: Invitation) -> SafeString:
        if invitation.accepted_at is not None:
            return status_label("good", gettext("Accepted"), moment(invitation.accepted_at))
        if invitation.revoked_at is not None:
            return status_label("idle", gettext("Revoked"), moment(invitation.revoked_at))
        if invitation.expires_at <= timezone.now():
            return status_label("warn", gettext("Expired"), moment(invitation.expires_at))
        return status_label(
            "idle", gettext("Waiting"), format_html(gettext("until {time}"), time=moment(invitation.expires_at))
        )

    @admin.display(description=_("team"), ordering="team__name")
    def its_team(self, invitation: Invitation) -> SafeString:
        return linked("admin:teams_team_change", invitation.team_id, invitation.team)

    @admin.display(description=_("sent"), ordering="created_at")
    def created(self, invitation: Invitation) -> SafeString:
        return moment(invitation.created_at)
