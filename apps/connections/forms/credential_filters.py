"""The filters of Settings → Credentials. State lives in the URL; what makes no sense there filters nothing."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from apps.connections.forms.connections import FilterForm
from apps.connections.models import Connection
from apps.integrations.models import Integration
from apps.teams.actor import Actor

_OFTEN = timedelta(days=30)


def is_custom(connection: Connection) -> bool:
    """Whether it belongs to an API of the team's own."""
    return connection.integration.team_id is not None


class CredentialFilterForm(FilterForm):
    """The list's filters, and `used` and `kind`."""

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
            ("not", "Not for 30 days"),
            ("never", "Never used"),
        ],
    )
    kind = forms.ChoiceField(required=False, choices=[("", "All kinds"), *KINDS])

    def __init__(self, data: Any, *, actor: Actor, connections: list[Connection]) -> None:
        super().__init__(data, actor=actor, connections=connections)
        self._lately = timezone.now() - _OFTEN

    def _passes(self, connection: Connection, wanted: dict[str, str]) -> bool:
        return super()._passes(connection, wanted) and self._is_used(connection, wanted.get("used", ""))

    def _is_used(self, connection: Connection, used: str) -> bool:
        last = connection.last_used_at
        answers = {
            "lately": last is not None and last >= self._lately,
            "not": last is None or last < self._lately,
            "never": last is None,
        }
        return answers.get(used, True)

    def is_of_kind(self, connection: Connection, kind: str) -> bool:
        """Whether it stands under that chip. One of a custom API stands under two: what it is, and *Custom*."""
        if kind == "custom":
            return is_custom(connection)
        is_oauth = connection.integration.kind in (Integration.Kind.OAUTH2, Integration.Kind.OAUTH1)
        return is_oauth if kind == "oauth" else connection.integration.kind == kind
