"""Using a connection: handing out a fresh access token, with the audit event and the count that belong to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apps.audit.services import fingerprint, record
from apps.connections import metrics
from apps.connections.errors import MissingScopes, ServiceUnavailable, WrongKind
from apps.connections.models import Connection, DailyUse, TokenSet, WorkflowCaller, WorkflowUse
from apps.connections.policy import scopes as scope_sets
from apps.connections.services.credentials import stored_fields
from apps.connections.services.provider import provider_of
from apps.connections.services.refresh import ensure_fresh, is_valid, load
from apps.connections.services.scope_use import note_scopes
from apps.connections.services.status import target_of
from apps.errors import NotFound
from apps.integrations.catalog.entries import entry_for
from apps.integrations.keys import key_access, main_secret
from apps.integrations.models import KINDS_SENT_AS_ENTERED, Integration
from apps.sql import PreparedUpdate, param
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Membership

_LAST_USED_EVERY = timedelta(seconds=30)


def _today_counted() -> tuple[QuerySet[DailyUse], dict[str, Any]]:
    today = DailyUse.objects.filter(connection=param(DailyUse, "connection"), day=param(DailyUse, "day"))
    return today, {"calls": F("calls") + 1, "failures": F("failures") + param(DailyUse, "failures")}


_count_today = PreparedUpdate(_today_counted)


@dataclass(frozen=True)
class FreshToken:
    """An access token that is valid now, for the caller alone."""

    access_token: str = field(repr=False)
    token_type: str
    expires_at: datetime | None
    scopes: list[str]
    missing_scopes: list[str]
    version: int


def fresh_token(*, connection: Connection, actor: Actor, min_ttl: int = 0, scopes: tuple[str, ...] = ()) -> FreshToken:
    """A fresh access token, recorded in the audit log before it is handed out.

    `min_ttl` (seconds) is how long it should live at least, as far as the service's tokens live that long; `scopes`
    are those that the caller needs. Raises MissingScopes, ReauthorizationRequired, IntegrationMisconfigured,
    ServiceUnavailable, WrongKind.
    """
    if connection.integration.kind == Integration.Kind.OAUTH1:
        name = connection.integration.name
        raise WrongKind(f"{name} wants each request signed, so its token is of no use by itself and is not handed out.")
    if connection.integration.kind not in (Integration.Kind.OAUTH2, Integration.Kind.CLIENT_CREDENTIALS):
        raise WrongKind(f"{connection.name} signs in with a key, so it has no access token to hand out.")
    provider = provider_of(connection)
    lacking = scope_sets.missing(wanted=scopes, granted=connection.scopes_granted, provider=provider)
    if lacking:
        sentence = f"{connection.name} was not granted {', '.join(lacking)}. Reconnect it with these permissions."
        raise MissingScopes(sentence, missing_scopes=lacking)
    ttl = timedelta(seconds=min_ttl)
    row = ensure_fresh(load(connection.pk), min_ttl=ttl, origin=actor.origin)
    missing = scope_sets.missing(
        wanted=row.connection.scopes_requested, granted=row.connection.scopes_granted, provider=provider
    )
    return _hand_out(row, actor=actor, missing=missing, needed=scopes)


@dataclass(frozen=True)
class KeyMaterial:
    """What a key connection adds to each request, for the caller alone. `path_prefix` begins the path, if not empty."""

    kind: str
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    path_prefix: str = field(repr=False)


@sensitive_variables()
def key_material(*, connection: Connection, actor: Actor) -> KeyMaterial:
    """What opens the service's API, recorded in the audit log before it is handed out.

    Raises WrongKind for connections that have a token instead.
    """
    if connection.integration.kind not in KINDS_SENT_AS_ENTERED:
        raise WrongKind(f"{connection.name} does not sign in with a key.")
    with transaction.atomic():
        still_allowed(connection, actor)
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


def _hand_out(row: TokenSet, *, actor: Actor, missing: list[str], needed: tuple[str, ...]) -> FreshToken:
    """Read once more in the transaction of the record: what changed while we waited counts."""
    with transaction.atomic():
        still_allowed(row.connection, actor)
        current = load(row.connection_id)
        if not is_valid(current) or current.access_token is None:
            name = current.connection.integration.name
            raise ServiceUnavailable(f"The token that {name} gave has ended already. Try again.", retry_after=1)
        token = current.access_token.reveal()
        record(
            action="token.handed_out",
            origin=actor.origin,
            team_id=current.team_id,
            target=target_of(current.connection),
            token_fp=current.access_token_fp,
            version=current.version,
        )
        now: datetime = current.db_now  # type: ignore[attr-defined]  # annotated
        count_use(current.connection, actor=actor, now=now)
        note_scopes(current.connection, needed, now=now)
    metrics.token_handed_out(current.connection.integration)
    return FreshToken(
        access_token=token,
        token_type=current.token_type,
        expires_at=current.expires_at,
        scopes=current.connection.scopes_granted,
        missing_scopes=missing,
        version=current.version,
    )


def still_allowed(connection: Connection, actor: Actor) -> None:
    """A key revoked, a member removed or a share withdrawn during the refresh ends the request without a token."""
    revoked = (
        actor.api_key is not None
        and not ApiKey.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=Now()), pk=actor.api_key.pk, revoked_at=None
        ).exists()
    )
    left = actor.user is not None and not Membership.objects.filter(team=connection.team_id, user=actor.user).exists()
    if revoked or left or not Connection.objects.usable_by(actor).filter(pk=connection.pk).exists():
        raise NotFound("There is no such connection.")


def count_use(connection: Connection, *, actor: Actor, now: datetime, failed: int = 0) -> None:
    """Count one call on the day of `now` (UTC), and note when and by which workflow the connection was used."""
    today: dict[str, Any] = {"connection": connection.pk, "day": now.date(), "failures": failed}
    if not _count_today(**today):
        DailyUse.objects.get_or_create(connection=connection, day=now.date())
        _count_today(**today)
    before = now - _LAST_USED_EVERY
    if connection.last_used_at is None or connection.last_used_at < before:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=before)
        Connection.objects.filter(stale, pk=connection.pk).update(last_used_at=now)
    if actor.origin.workflow_id:
        named = {"name": actor.origin.workflow_name} if actor.origin.workflow_name else {}
        use, _ = WorkflowUse.objects.update_or_create(
            connection=connection,
            workflow_id=actor.origin.workflow_id,
            defaults={"last_used_at": now, **named},
        )
        _note_caller(use, actor=actor, now=now)


def _note_caller(use: WorkflowUse, *, actor: Actor, now: datetime) -> None:
    caller = actor.api_key or actor.user
    if caller is None:
        return
    user = None if actor.is_service else actor.user
    known = WorkflowCaller.objects.filter(use=use, caller_id=caller.pk)
    if not known.update(last_used_at=now):
        WorkflowCaller.objects.get_or_create(use=use, caller_id=caller.pk, defaults={"user": user, "last_used_at": now})
