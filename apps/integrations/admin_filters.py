"""The filters of the operators' lists of services, OAuth apps and requests."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from apps.audit.admin_filters import TextFilter
from apps.integrations.models import Integration, OAuthApp, ServiceRequest


class ChoiceFilter(admin.SimpleListFilter):
    """A filter by one of a few conditions."""

    def conditions(self) -> dict[str, tuple[str, Q]]:
        """(label, condition) by the value in the URL."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.conditions().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.conditions().get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset


class Enabled(ChoiceFilter):
    """Services by whether new connections are allowed."""

    title = _("new connections")
    parameter_name = "enabled"

    def conditions(self) -> dict[str, tuple[str, Q]]:
        return {"yes": (gettext("Allowed"), Q(is_enabled=True)), "no": (gettext("Not allowed"), Q(is_enabled=False))}


class HasOAuthApp(ChoiceFilter):
    """Services by whether they have an OAuth app."""

    title = _("OAuth app")
    parameter_name = "oauth_app"

    def conditions(self) -> dict[str, tuple[str, Q]]:
        registered = Exists(OAuthApp.objects.filter(integration=OuterRef("pk")))
        return {"yes": (gettext("Registered"), Q(registered)), "no": (gettext("Missing"), ~Q(registered))}


class AppState(ChoiceFilter):
    """OAuth apps by whether their service rejects them."""

    title = _("status")
    parameter_name = "state"

    def conditions(self) -> dict[str, tuple[str, Q]]:
        return {
            "rejected": (gettext("Rejected by the service"), Q(broken_since__isnull=False)),
            "accepted": (gettext("No rejection known"), Q(broken_since=None)),
        }


class SecretExpiry(ChoiceFilter):
    """OAuth apps by the end of their secret."""

    title = _("secret expires")
    parameter_name = "expires"

    def conditions(self) -> dict[str, tuple[str, Q]]:
        today = timezone.now().date()
        soon = {
            str(days): (
                gettext("In %(days)s days") % {"days": days},
                Q(secret_expires_on__range=(today, today + timedelta(days=days))),
            )
            for days in (7, 30, 60)
        }
        return {
            "past": (gettext("Expired"), Q(secret_expires_on__lt=today)),
            **soon,
            "unknown": (gettext("Not known"), Q(secret_expires_on=None)),
        }


class Answered(ChoiceFilter):
    """Requests for services by whether the service can be connected now."""

    title = _("status")
    parameter_name = "state"

    def conditions(self) -> dict[str, tuple[str, Q]]:
        return {
            "waiting": (gettext("Waiting"), Q(answered_at=None)),
            "answered": (pgettext("state", "Set up"), Q(answered_at__isnull=False)),
        }


class ServiceName(TextFilter):
    """OAuth apps or requests of services by a part of the name."""

    title = _("service")
    parameter_name = "service"
    placeholder = cast(str, _("Name of a service"))

    def matching(self, text: str, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(Q(integration__name__icontains=text) | Q(integration__slug=text))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        self._listed = model_admin.model
        return []

    def suggestions(self) -> Iterable[str]:
        of = {OAuthApp: "oauth_apps", ServiceRequest: "requests"}[self._listed]
        names = Integration.objects.filter(**{f"{of}__isnull": False}).order_by("name").values_list("name", flat=True)
        return names.distinct()[:500]


class Category(TextFilter):
    """Services by category."""

    title = _("category")
    parameter_name = "category"
    placeholder = cast(str, _("Name of a category"))

    def matching(self, text: str, queryset: QuerySet[Integration]) -> QuerySet[Integration]:
        return queryset.filter(category__icontains=text)

    def suggestions(self) -> Iterable[str]:
        return Integration.objects.filter(team=None).order_by("category").values_list("category", flat=True).distinct()
