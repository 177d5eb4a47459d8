"""The filters of Settings → Credentials, from the query string; invalid values are ignored."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from apps.connections.forms.connections import FilterForm
from apps.connections.models import Connection
from apps.integrations.models import Integration
from apps.teams.actor import Actor

_RECENT = timedelta(days=30)


def is_custom(connection: Connection) -> bool:
    """Whether it belongs to a custom API."""
    return connection.integration.team_id is not None


class CredentialFilterForm(FilterForm):
    """The filters of the list, plus `used` and `kind`."""

    KINDS: ClassVar[list[tuple[str, str]]] = [
        ("oauth", "OAuth"),
        (Integration.Kind.API_KEY, "API key"),
        (Integration.Kind.BASIC, "Basic"),
        (Integration.Kind.CLIENT_CREDENTIALS, "Client credentials"),
        ("custom", "Custom"),
    ]

    used = forms.ChoiceField(
        required=False,
        label="Last used",
        choices=[
            ("", "Used at any time"),
            ("lately", "In the last 30 days"),
            ("not", "Not in the last 30 days"),
            ("never", "Never used"),
        ],
    )
    kind = forms.ChoiceField(required=False, choices=[("", "All kinds"), *KINDS])

    def __init__(self, data: Any, *, actor: Actor, connections: list[Connection]) -> None:
        super().__init__(data, actor=actor, connections=connections)
        self._recent_since = timezone.now() - _RECENT

    def _matches(self, connection: Connection, filters: dict[str, str]) -> bool:
        return super()._matches(connection, filters) and self._is_used(connection, filters.get("used", ""))

    def _is_used(self, connection: Connection, used: str) -> bool:
        last = connection.last_used_at
        results = {
            "lately": last is not None and last >= self._recent_since,
            "not": last is None or last < self._recent_since,
            "never": last is None,
        }
        return results.get(used, True)

    def is_of_kind(self, connection: Connection, kind: str) -> bool:
        """Whether the chip of that kind includes it. A custom API's connection has two: its own kind and *Custom*."""
        if kind == "custom":
            return is_custom(connection)
        is_oauth = connection.integration.kind in (Integration.Kind.OAUTH2, Integration.Kind.OAUTH1)
        return is_oauth if kind == "oauth" else connection.integration.kind == kind
