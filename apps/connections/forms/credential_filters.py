"""The filters of Settings → Credentials, from the query string; invalid values are ignored."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.connections.forms.connections import FilterForm
from apps.connections.models import Connection
from apps.integrations.models import Integration

_RECENT = timedelta(days=30)
# A custom API's connection is of two kinds: its own and *Custom*.
_KINDS = {
    "oauth": (Integration.Kind.OAUTH2, Integration.Kind.OAUTH1),
    Integration.Kind.API_KEY: (Integration.Kind.API_KEY,),
    Integration.Kind.BASIC: (Integration.Kind.BASIC,),
    Integration.Kind.CLIENT_CREDENTIALS: (Integration.Kind.CLIENT_CREDENTIALS,),
}
_OF_KIND = {
    **{name: Q(integration__kind__in=kinds) for name, kinds in _KINDS.items()},
    "custom": Q(integration__team__isnull=False),
}


def is_custom(connection: Connection) -> bool:
    """Whether it belongs to a custom API."""
    return connection.integration.team_id is not None


class CredentialFilterForm(FilterForm):
    """The filters of the list, plus `used` and `kind`."""

    KINDS: ClassVar[list[tuple[str, str | Promise]]] = [
        ("oauth", "OAuth"),
        (Integration.Kind.API_KEY, _("API key")),
        (Integration.Kind.BASIC, _("Basic")),
        (Integration.Kind.CLIENT_CREDENTIALS, _("Client credentials")),
        ("custom", _("Custom")),
    ]

    used = forms.ChoiceField(
        required=False,
        label=_("Last used"),
        choices=[
            ("", _("Used at any time")),
            ("lately", _("In the last 30 days")),
            ("not", _("Not in the last 30 days")),
            ("never", _("Never used")),
        ],
    )
    kind = forms.ChoiceField(required=False, choices=[("", _("All kinds")), *KINDS], widget=forms.HiddenInput)

    def of_any_kind(self) -> QuerySet[Connection]:
        """The connections that match all filters but `kind`."""
        recent = Q(last_used_at__gte=timezone.now() - _RECENT)
        used = {"lately": recent, "not": ~recent | Q(last_used_at=None), "never": Q(last_used_at=None)}
        return super().matching().filter(used.get(self.filters.get("used", ""), Q()))

    def matching(self) -> QuerySet[Connection]:
        """The connections that match the filters, in no order."""
        return self.of_any_kind().filter(_OF_KIND.get(self.filters.get("kind", ""), Q()))

    def count_by_kind(self) -> dict[str, int]:
        """How many connections of each kind match the other filters; "all" is all of them."""
        counted = self._matches_by_service()
        counts = {
            name: sum(counted.get(service.pk, 0) for service in self._services if service.kind in kinds)
            for name, kinds in _KINDS.items()
        }
        custom = sum(counted.get(service.pk, 0) for service in self._services if service.team_id is not None)
        return counts | {"custom": custom, "all": sum(counted.values())}

    def _matches_by_service(self) -> dict[UUID, int]:
        """How many connections match the filters but `kind`, by the integration's ID."""
        if not self._narrowing.keys() - {"kind"}:
            return {pk: count for pk, (count, _, _) in self._counted.items()}
        return dict(self.of_any_kind().order_by().values_list("integration").annotate(n=Count("pk")))
