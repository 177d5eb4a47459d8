"""Issuing what a connection holds to a caller: a fresh access token, or a key, recorded before it is returned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.audit.models import AuditEvent
from apps.audit.origin import Target
from apps.audit.services import fingerprint, first_in_window, record
from apps.connections import metrics
from apps.connections.errors import MinTtlNotMet, MissingScopes, ServiceUnavailable, WrongKind
from apps.connections.models import Connection, TokenSet
from apps.connections.policy import scopes as scope_sets
from apps.connections.services.connection_params import provider_of
from apps.connections.services.recheck import require_access
from apps.connections.services.refresh import ensure_fresh, is_valid, load
from apps.connections.services.status import target_of
from apps.connections.services.stored_key import stored_fields
from apps.connections.services.usage import count_refusal, count_use, record_scope_use
from apps.integrations.catalog.entries import entry_for
from apps.integrations.keys import key_access, main_secret
from apps.integrations.models import KINDS_SENT_AS_ENTERED, Integration
from apps.oauth.provider import ProviderConfig
from apps.teams.actor import Actor


@dataclass(frozen=True)
class IssuedToken:
    """An access token that is valid now, for the caller only."""

    access_token: str = field(repr=False)
    token_type: str
    expires_at: datetime | None
    scopes: list[str]
    missing_scopes: list[str]
    version: int
    # Seconds until it expires, by the database's clock; None if that is unknown.
    ttl: int | None


def issue_token(
    *, connection: Connection, actor: Actor, min_ttl: int = 0, required_ttl: int = 0, scopes: tuple[str, ...] = ()
) -> IssuedToken:
    """A fresh access token, recorded in the audit log before it is returned.

    `min_ttl` (seconds) is how long it should still live, as far as the service's tokens live that long, `required_ttl`
    how long it must; `scopes` are those that the caller needs. Raises MissingScopes, MinTtlNotMet,
    ReauthorizationRequired, IntegrationMisconfigured,
    ServiceUnavailable, WrongKind.
    """
    _require_access_token(connection)
    provider = provider_of(connection)
    missing = scope_sets.missing(wanted=scopes, granted=connection.scopes_granted, provider=provider)
    if missing:
        message = gettext_noop("%(connection)s was not granted %(names)s. Reconnect it with these permissions.") % {
            "connection": connection.name,
            "names": ", ".join(missing),
        }
        raise MissingScopes(message, missing_scopes=missing)
    row = ensure_fresh(load(connection.pk), min_ttl=timedelta(seconds=min_ttl), origin=actor.origin)
    _require_ttl(row, required_ttl)
    current = _record_issue(row, actor=actor, needed=scopes)
    metrics.token_handed_out(metrics.label_of(current.connection.integration))
    return _issued(current, provider)


def _require_ttl(row: TokenSet, seconds: int) -> None:
    if seconds and row.expires_at is not None and (row.expires_at - row.db_now).total_seconds() < seconds:
        name = row.connection.integration.name
        raise MinTtlNotMet(
            gettext_noop("The tokens of %(name)s do not live for %(seconds)s seconds.")
            % {"name": name, "seconds": seconds}
        )


def _require_access_token(connection: Connection) -> None:
    kind, name = connection.integration.kind, connection.integration.name
    if kind == Integration.Kind.OAUTH1:
        raise WrongKind(
            gettext_noop(
                "%(name)s requires each request to be signed, so a token alone is not returned. Use the proxy."
            )
            % {"name": name}
        )
    if kind not in (Integration.Kind.OAUTH2, Integration.Kind.CLIENT_CREDENTIALS):
        raise WrongKind(
            gettext_noop("%(connection)s signs in with a key, so it has no access token.")
            % {"connection": connection.name}
        )


def _record_issue(row: TokenSet, *, actor: Actor, needed: tuple[str, ...]) -> TokenSet:
    """Read the row again in the transaction of the audit event, since it may have changed during a refresh."""
    with transaction.atomic():
        require_access(row.connection, actor)
        current = load(row.connection_id)
        if not is_valid(current) or current.access_token is None:
            name = current.connection.integration.name
            raise ServiceUnavailable(
                gettext_noop("The token from %(name)s has expired already. Try again.") % {"name": name}, retry_after=1
            )
        record(
            action="token.handed_out",
            origin=actor.origin,
            team_id=current.team_id,
            target=target_of(current.connection),
            token_fp=current.access_token_fp,
            version=current.version,
        )
        count_use(current.connection, actor=actor, now=current.db_now)
        record_scope_use(current.connection, needed, now=current.db_now)
    return current


def _issued(row: TokenSet, provider: ProviderConfig) -> IssuedToken:
    connection = row.connection
    return IssuedToken(
        access_token=row.access_token.reveal() if row.access_token else "",
        token_type=row.token_type,
        expires_at=row.expires_at,
        scopes=connection.scopes_granted,
        missing_scopes=scope_sets.missing(
            wanted=connection.scopes_requested, granted=connection.scopes_granted, provider=provider
        ),
        version=row.version,
        ttl=seconds_left(row.expires_at, row.db_now),
    )


def seconds_left(expires_at: datetime | None, now: datetime) -> int | None:
    """Whole seconds until the expiry; None if it is unknown. Both times are the database's."""
    return None if expires_at is None else max(0, int((expires_at - now).total_seconds()))


@dataclass(frozen=True)
class KeyMaterial:
    """What a key connection adds to each request, for the caller only. `path_prefix` begins the path, if not empty."""

    kind: str
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    path_prefix: str = field(repr=False)


@sensitive_variables()
def key_material(*, connection: Connection, actor: Actor) -> KeyMaterial:
    """The headers, query and path that authenticate at the service's API, recorded before they are returned.

    Raises WrongKind for connections that have a token instead.
    """
    if connection.integration.kind not in KINDS_SENT_AS_ENTERED:
        raise WrongKind(gettext_noop("%(connection)s does not sign in with a key.") % {"connection": connection.name})
    with transaction.atomic():
        require_access(connection, actor)
        fields, entry = stored_fields(connection), entry_for(connection.integration)
        access = key_access(entry, fields=fields, params=connection.params)
        record(
            action="token.handed_out",
            origin=actor.origin,
            team_id=connection.team_id,
            target=target_of(connection),
            token_fp=fingerprint(main_secret(entry, fields)),
        )
        count_use(connection, actor=actor, now=timezone.now())
    return KeyMaterial(connection.integration.kind, access.headers, access.query, access.path_prefix)


def record_denial(*, actor: Actor, connection_id: UUID, code: str) -> None:
    """Record that a caller was refused a token, at most once per minute for each connection of the team and reason.

    Refusals for connections that the team does not have are recorded together, since IDs can be made up.
    """
    if actor.team is None:
        return
    connection = Connection.objects.filter(team=actor.team, pk=connection_id).select_related("integration").first()
    if connection is not None:
        count_refusal(connection.pk, day=timezone.now().date())
    bound = f"token-denied:{actor.origin.kind}:{actor.origin.id}:{connection.pk if connection else ''}:{code}"
    if not first_in_window(bound, seconds=60):
        return
    with transaction.atomic():
        record(
            action="token.denied",
            origin=actor.origin,
            team_id=actor.team.pk,
            target=target_of(connection) if connection else Target("connection", str(connection_id)),
            outcome=AuditEvent.Outcome.FAILURE,
            code=code,
        )
