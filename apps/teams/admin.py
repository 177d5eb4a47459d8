"""The admin of people, teams, invitations and API keys. Changes are audited as an operator's."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse

from apps.audit.admin import BoundedPaginator, LargeTableAdmin, ReadOnlyAdmin
from apps.audit.origin import Target
from apps.audit.services import record
from apps.teams.actor import operator_actor
from apps.teams.models import ApiKey, Invitation, Membership, Role, ServiceKeys, Team, User
from apps.teams.origin import origin_of
from apps.teams.services import members, teams
from apps.teams.services.api_keys import revoke_api_key


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """People are deactivated, not deleted: connections and the log refer to them."""

    list_display = ["email", "name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    paginator = BoundedPaginator
    show_full_result_count = False
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]

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


class MembershipInline(admin.TabularInline[Membership, Team]):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> list[str]:
        return ["created_at"]


@admin.register(Team)
class TeamAdmin(LargeTableAdmin[Team]):
    """Teams are not deleted here: their grants at the services would not be revoked."""

    list_display = ["name", "id", "created_at"]
    search_fields = ["name", "=id"]
    inlines = [MembershipInline]

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
        changed = [membership for membership, _ in formset.changed_objects]
        for membership in sorted(changed, key=lambda member: member.role != Role.OWNER):
            role = Role(membership.role)
            members.change_role(actor=actor, membership_id=membership.pk, role=role, service_keys=ServiceKeys.KEEP)
        for membership in formset.deleted_objects:
            members.remove_member(actor=actor, membership_id=membership.pk, service_keys=ServiceKeys.KEEP)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "prefix", "kind", "team", "user", "expires_at", "revoked_at", "last_used_at"]
    list_filter = ["kind"]
    list_select_related = ["team", "user"]
    search_fields = ["name", "=prefix", "team__name", "user__email"]
    exclude = ["secret_hash"]
    actions = ["revoke"]

    @admin.action(description="Revoke the selected API keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for api_key in queryset.select_related("team"):
            revoke_api_key(actor=operator_actor(api_key.team, origin=origin_of(request)), api_key_id=api_key.pk)
        self.message_user(request, "The selected API keys are revoked.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("teams.change_apikey")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["email", "team", "role", "invited_by", "created_at", "expires_at", "accepted_at", "revoked_at"]
    list_select_related = ["team", "invited_by"]
    search_fields = ["email", "team__name"]
    exclude = ["token_hash"]
