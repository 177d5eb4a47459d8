"""What ends soon and a person can replace in time: keys with an end date, API keys, client secrets and grants."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.audit.services import record
from apps.connections.models import Connection, Credential, Status
from apps.connections.policy.access import may_manage, may_view
from apps.connections.services.status import target_of
from apps.errors import NotAllowed
from apps.integrations.catalog.entries import entry_of
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration, OAuthApp
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Team

# Days ahead that the list covers, and days before the end at which people get a reminder.
HORIZON = 90
REMINDERS = (30, 7, 1)

_LABELS = {"key": _("Key"), "grant": _("Grant"), "api_key": _("API key"), "client_secret": _("Client secret")}


@dataclass(frozen=True)
class Expiring:
    """One thing that ends. `id` is stable; `whose` names who can replace it, `action` what they do at `url`.

    `kind` is key, grant, api_key or client_secret. `connection`, `api_key` and `oauth_app` hold what it is; the others
    are None.
    """

    id: str
    kind: str
    name: str
    service: str
    icon: str
    ends_on: date
    consequence: str | Promise
    whose: str
    url: str
    action: str | Promise
    connection: Connection | None = None
    api_key: ApiKey | None = None
    oauth_app: OAuthApp | None = None

    @property
    def person_id(self) -> Any:
        """The ID of the person whose move it is; None if it is that of admins or operators."""
        if self.connection is not None:
            return self.connection.owner_id
        is_personal = self.api_key is not None and self.api_key.kind == ApiKey.Kind.PERSONAL
        return self.api_key.user_id if self.api_key is not None and is_personal else None

    @property
    def label(self) -> str:
        """The kind, as people read it."""
        return str(_LABELS[self.kind])

    @property
    def is_for_admins(self) -> bool:
        """Whether it is the move of the team's admins."""
        is_service_key = self.api_key is not None and self.api_key.kind == ApiKey.Kind.SERVICE
        return is_service_key or (self.oauth_app is not None and self.oauth_app.team_id is not None)

    def days_left(self, today: date) -> int:
        """Negative once it has ended."""
        return (self.ends_on - today).days


def set_key_end(*, actor: Actor, connection: Connection, on: date | None) -> None:
    """Store when the connection's key ends, as a person who manages it says; None for no end.

    Raises NotAllowed, and InvalidInput for a day in the past.
    """
    if not may_manage(actor, connection):
        raise NotAllowed(
            gettext("You are not allowed to manage %(connection)s. Ask its owner or an admin.")
            % {"connection": connection.name}
        )
    if on is not None and on < timezone.now().date():
        raise InvalidInput([("expires_on", gettext("Enter a day that is not in the past."))])
    with transaction.atomic():
        changed = Credential.objects.filter(connection=connection).exclude(expires_on=on).update(expires_on=on)
        if changed:
            record(
                action="connection.key_end_set",
                origin=actor.origin,
                team_id=connection.team_id,
                target=target_of(connection),
                expires_on=on.isoformat() if on else "",
            )


def expiring(actor: Actor, *, today: date, days: int = HORIZON) -> list[Expiring]:
    """What ends within `days` or has ended already, of what the actor may see; the first to end comes first."""
    visible = Connection.objects.visible_to(actor).with_details().prefetch_related("shares")
    found = [one for one in _of_connections(visible, today, days) if one.connection and may_view(actor, one.connection)]
    if actor.team is not None:
        found += _api_keys(_keys_of(actor), today, days)
        found += _client_secrets(actor.team, today, days) if actor.is_admin else []
    return sorted(found, key=lambda one: (one.ends_on, one.name.casefold(), one.id))


def everything_expiring(*, today: date, days: int) -> list[Expiring]:
    """The keys, grants and API keys of all teams that end within `days`, for reminders."""
    connections = Connection.objects.exclude(status=Status.DISCONNECTING).with_details()
    return [*_of_connections(connections, today, days), *_api_keys(_living_keys(), today, days)]


def expiring_client_secrets(*, today: date, days: int) -> Iterator[tuple[UUID, Expiring]]:
    """The client secrets that end within `days`, with the team of each that depends on one."""
    ending = OAuthApp.objects.filter(secret_expires_on__lte=today + timedelta(days=days))
    own = ending.filter(team__isnull=False).values_list("team", flat=True)
    dependent = ending.filter(team=None, connections__isnull=False).values_list("connections__team", flat=True)
    for team in Team.objects.filter(pk__in={*own, *dependent}):
        yield from ((team.pk, item) for item in _client_secrets(team, today, days))


def _of_connections(connections: QuerySet[Connection], today: date, days: int) -> Iterator[Expiring]:
    until = today + timedelta(days=days)
    for connection in connections.filter(credential__expires_on__lte=until):
        if ends_on := connection.credential.expires_on:
            yield _of(connection, "key", ends_on, _("Its calls are rejected from then on."))
    # Where nothing can be refreshed, access ends with the token.
    once = connections.filter(integration__kind=Integration.Kind.OAUTH2, token_set__refresh_token__isnull=True)
    for connection in once.filter(status=Status.ACTIVE, token_set__expires_at__lt=_end_of(until)):
        if ends_at := connection.token_set.expires_at:
            yield _of(connection, "grant", ends_at.date(), _("The service issues no refresh token."))
    yield from _unused_grants(connections, today, until)


def _unused_grants(connections: QuerySet[Connection], today: date, until: date) -> Iterator[Expiring]:
    """Grants whose refresh stopped, at services that end a refresh token which is not used for some time."""
    stopped = connections.filter(token_set__next_refresh_at=None, token_set__refresh_token__isnull=False)
    stopped = stopped.filter(integration__kind=Integration.Kind.OAUTH2)
    for connection in stopped.exclude(status_reason__in=("reauthorization_required", "oauth_app_changed")):
        entry = entry_of(connection.integration)
        lifetime = entry.oauth2.refresh.unused_lifetime if entry and entry.oauth2 else None
        ends_on = (connection.token_set.obtained_at + timedelta(seconds=lifetime)).date() if lifetime else None
        if ends_on is not None and ends_on <= until:
            yield _of(connection, "grant", ends_on, _rule(connection.integration.name, lifetime or 0))


def _rule(service: str, seconds: int) -> Promise:
    days = max(1, seconds // 86_400)
    one_day = _("{service} ends grants that are not used for {days} day.")
    several_days = _("{service} ends grants that are not used for {days} days.")
    return format_lazy(one_day if days == 1 else several_days, service=service, days=days)


def _of(connection: Connection, kind: str, ends_on: date, consequence: str | Promise) -> Expiring:
    is_key = kind == "key"
    page = "connections:key" if is_key else "connections:connection"
    return Expiring(
        id=f"{kind}:{connection.pk}",
        kind=kind,
        name=connection.name,
        service=connection.integration.name,
        icon=connection.integration.icon,
        ends_on=ends_on,
        consequence=consequence,
        whose=str(connection.owner),
        url=reverse(page, args=[connection.pk]),
        action=_("Replace key") if is_key else _("Reconnect"),
        connection=connection,
    )


def _living_keys() -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(revoked_at=None, expires_at__isnull=False).select_related("user", "team")


def _keys_of(actor: Actor) -> QuerySet[ApiKey]:
    """Own personal keys; for admins the team's service keys too."""
    own = Q(kind=ApiKey.Kind.PERSONAL, user=actor.user)
    visible = own | Q(kind=ApiKey.Kind.SERVICE) if actor.is_admin else own
    return _living_keys().filter(visible, team=actor.team)


def _api_keys(keys: QuerySet[ApiKey], today: date, days: int) -> list[Expiring]:
    # Keys that ended long ago are of no interest.
    since = _end_of(today - timedelta(days=HORIZON))
    ending = keys.filter(expires_at__lt=_end_of(today + timedelta(days=days)), expires_at__gt=since)
    return [_api_key(key) for key in ending]


def _api_key(key: ApiKey) -> Expiring:
    is_service = key.kind == ApiKey.Kind.SERVICE
    assert key.expires_at is not None  # noqa: S101 - narrows the type for mypy
    return Expiring(
        id=f"api_key:{key.pk}",
        kind="api_key",
        name=key.name,
        service="Specway",
        icon="",
        ends_on=key.expires_at.date(),
        consequence=_("Programs that use it can no longer call the API."),
        whose=gettext("Admins") if is_service else str(key.user),
        url=reverse("teams:api_keys"),
        action=_("Create key"),
        api_key=key,
    )


def _client_secrets(team: Team, today: date, days: int) -> list[Expiring]:
    """Of the team's own OAuth apps, and of the operators' that the team's connections use."""
    used = Q(team=None, connections__team=team)
    apps = OAuthApp.objects.filter(Q(team=team) | used, secret_expires_on__lte=today + timedelta(days=days))
    return [_client_secret(app, team) for app in apps.select_related("integration").distinct()]


def _client_secret(app: OAuthApp, team: Team) -> Expiring:
    count = app.connections.filter(team=team).exclude(status=Status.DISCONNECTING).count()
    is_own = app.team_id is not None
    assert app.secret_expires_on is not None  # noqa: S101 - narrows the type for mypy
    return Expiring(
        id=f"secret:{app.pk}",
        kind="client_secret",
        name=gettext("%(service)s OAuth app") % {"service": app.integration.name},
        service=app.integration.name,
        icon=app.integration.icon,
        ends_on=app.secret_expires_on,
        consequence=ngettext(
            "%(n)s connection can no longer be refreshed.", "%(n)s connections can no longer be refreshed.", count
        )
        % {"n": count},
        whose=gettext("Admins") if is_own else gettext("Operators"),
        url=reverse("integrations:app", args=[app.integration.slug]) if is_own else "",
        action=_("Replace secret") if is_own else "",
        oauth_app=app,
    )


def _end_of(day: date) -> Any:
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=UTC)
