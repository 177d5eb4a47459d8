"""Calls to a service's API through a connection: who may make them, with which credentials, and what is recorded."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import F, QuerySet, prefetch_related_objects
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Origin
from apps.audit.services import fingerprint, record
from apps.connections.errors import MissingScopes
from apps.connections.models import Connection, DailyUse, TokenSet
from apps.connections.policy.access import may_see, may_use
from apps.connections.services.eligibility import missing_scopes_of
from apps.connections.services.recheck import require_access
from apps.connections.services.refresh import KINDS_WITHOUT_EXPIRY, ensure_fresh, refresh
from apps.connections.services.signing import Rows, access_in, own_hosts
from apps.connections.services.status import lock, mark_needs_attention, record_call_result, target_of
from apps.connections.services.usage import count_refusal, count_use, record_scope_use
from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.integrations.catalog.entries import entry_for
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.keys import main_secret, named_base_urls
from apps.oauth.conditions import EndedTokenSign
from apps.oauth.signing import Credentials, PlainCredentials
from apps.sql import PreparedSelect, param
from apps.teams.actor import Actor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestCredentials:
    """What a call needs: the API's base URL, the access that signs requests, and the secrets that must not be returned.

    `default_headers` are the names (in lower case) of headers of the API that a caller may override.
    """

    connection: Connection
    token_set: TokenSet | None
    access: Credentials = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    token_fp: str
    base_url: str
    # The base URLs of further hosts by name.
    named_base_urls: Mapping[str, str]
    # To which these may be sent.
    own_hosts: frozenset[str]
    default_headers: frozenset[str]
    # By which the API says, beside a 401, that the token ended.
    ended_token: tuple[EndedTokenSign, ...] = ()
    was_refreshed: bool = False


def _with_credentials() -> QuerySet[Connection]:
    of_team = Connection.objects.of_team(param(Connection, "team")).filter(pk=param(Connection, "id"))
    return of_team.select_related("integration", "oauth_app", "token_set", "credential").with_clock()


_CONNECTION = PreparedSelect(_with_credentials)


def usable_connection(*, actor: Actor, pk: UUID) -> Connection:
    """The connection with everything that a call needs, in one query, and the database's time as `db_now`.

    Raises NotFound, or NotAllowed for an actor who may see but not use it.
    """
    connection = _CONNECTION.one(team=actor.team.pk, id=pk) if actor.team else None
    if connection is not None and connection.is_shared and not actor.is_admin:
        prefetch_related_objects([connection], "shares")  # each check below reads them
    if connection is None or not may_see(actor, connection):
        raise NotFound(gettext_noop("There is no such connection."))
    if not may_use(actor, connection):
        raise NotAllowed(gettext_noop("This connection is personal. Ask its owner to share it."))
    return connection


def require_scopes(connection: Connection, scopes: tuple[str, ...]) -> None:
    """Raises MissingScopes unless all are granted. Keys have no scopes that we know of, so they always pass."""
    missing = missing_scopes_of(connection, scopes)
    if missing:
        message = gettext_noop("%(connection)s was not granted %(names)s. Reconnect it with these permissions.") % {
            "connection": connection.name,
            "names": ", ".join(missing),
        }
        raise MissingScopes(message, missing_scopes=missing)


@sensitive_variables()
def credentials_for(connection: Connection, *, origin: Origin) -> RequestCredentials:
    """Credentials with a fresh token, for a connection from `usable_connection`. Raises what `ensure_fresh` raises."""
    row: TokenSet | None = getattr(connection, "token_set", None)
    if row is None or connection.integration.kind in KINDS_WITHOUT_EXPIRY:
        return stored_credentials(connection)
    row.connection, row.db_now = connection, connection.db_now
    fresh = ensure_fresh(row, origin=origin, min_ttl=timedelta(0))
    return _credentials(connection, fresh, was_refreshed=fresh is not row)


@sensitive_variables()
def stored_credentials(connection: Connection) -> RequestCredentials:
    """Credentials as they are stored, whether the token is fresh or not."""
    return _credentials(connection, getattr(connection, "token_set", None))


@sensitive_variables()
def refreshed_credentials(credentials: RequestCredentials, *, origin: Origin) -> RequestCredentials | None:
    """The credentials after a refresh, which callers with the same token share; None if there is nothing to refresh.

    Raises what `refresh` raises.
    """
    row = credentials.token_set
    if row is None or not row.refresh_grant_type or credentials.connection.integration.kind in KINDS_WITHOUT_EXPIRY:
        return None
    return _credentials(credentials.connection, refresh(row, origin=origin), was_refreshed=True)


@sensitive_variables()
def _credentials(connection: Connection, row: TokenSet | None, *, was_refreshed: bool = False) -> RequestCredentials:
    rows = Rows(connection, row, getattr(connection, "credential", None))
    entry, base_url = entry_for(connection.integration), rows.provider.api_base_url
    if not base_url:
        raise IntegrationMisconfigured(
            gettext_noop("The base URL of %(service)s's API is not set yet.") % {"service": connection.integration.name}
        )
    access = access_in(rows)
    return RequestCredentials(
        connection=connection,
        token_set=row,
        access=access,
        secrets=_secrets(rows, access),
        token_fp=row.access_token_fp if row else fingerprint(main_secret(entry, rows.fields())),
        base_url=base_url,
        named_base_urls=named_base_urls(entry, params=connection.params, oauth_app=connection.oauth_app),
        own_hosts=own_hosts(connection),
        default_headers=frozenset(name.lower() for name, value in entry.api.headers.items() if "{" not in value),
        ended_token=rows.provider.ended_token,
        was_refreshed=was_refreshed,
    )


@sensitive_variables()
def _secrets(rows: Rows, access: Credentials) -> tuple[str, ...]:
    """What is redacted in responses: secrets as they are stored and as they are sent."""
    secrets = [rows.token] if rows.token_set else []
    if rows.credential:
        fields = rows.fields()
        entry = entry_for(rows.connection.integration)
        secrets += [fields[each.name] for each in entry.fields if each.secret and each.name in fields]
    if isinstance(access, PlainCredentials):
        secrets += [_credentials_in(value) for name, value in access.headers.items() if name.lower() == "authorization"]
        app = rows.connection.oauth_app
        if app and app.client_secret and rows.provider.api_wants_client_secret:
            secrets.append(app.client_secret.reveal())
        if app and app.further_key and rows.provider.api_wants_further_key:
            secrets.append(app.further_key.reveal())
    else:
        secrets += [access.token_secret, access.consumer.client_secret or ""]
    return tuple(secret for secret in secrets if secret)


def _credentials_in(authorization: str) -> str:
    """What follows the scheme, such as the Base64 of Basic, without padding."""
    return (authorization.partition(" ")[2] or authorization).rstrip("=")


def record_call(
    credentials: RequestCredentials, *, actor: Actor, call: str, method: str, path: str, scopes: tuple[str, ...] = ()
) -> None:
    """Record the call (by its ID) and the scopes that it requires, before it is sent.

    Raises NotFound if the actor lost access while a refresh was running.
    """
    connection = credentials.connection
    with transaction.atomic():
        if credentials.was_refreshed:
            require_access(connection, actor)
        record(
            action="connection.used",
            origin=actor.origin,
            team_id=connection.team_id,
            target=target_of(connection),
            token_fp=credentials.token_fp,
            call=call,
            method=method,
            path=path,
        )
        now = connection.db_now
        count_use(connection, actor=actor, now=now)
        record_scope_use(connection, scopes, now=now)


@contextmanager
def counting_refusals(connection: Connection) -> Iterator[None]:
    """Counts a call that the block refuses with a domain error, before anything is sent."""
    try:
        yield
    except SpecwayError:
        try:
            count_refusal(connection.pk, day=connection.db_now.date())
        except DatabaseError as error:
            logger.warning("refusal not counted connection=%s error=%s", connection.pk, type(error).__name__)
        raise


def record_failed_call(connection: Connection, *, actor: Actor, **detail: Any) -> None:
    """Record and count that the call with the ID `detail["call"]` failed.

    Raises nothing, since the response may already have been sent.
    """
    day = connection.db_now.date()
    try:
        with transaction.atomic():
            record(
                action="connection.use_failed",
                origin=actor.origin,
                team_id=connection.team_id,
                target=target_of(connection),
                outcome="failure",
                **detail,
            )
            DailyUse.objects.filter(connection=connection, day=day).update(failures=F("failures") + 1)
    except DatabaseError as error:
        logger.warning("failed call not counted connection=%s error=%s", connection.pk, type(error).__name__)


def record_final_status(connection: Connection, status: int, *, actor: Actor) -> None:
    """Records the final status of a call, by which a rejected token or key shows. Nothing is raised."""
    try:
        record_call_result(connection, status, origin=actor.origin)
    except DatabaseError as error:
        logger.warning("call result not recorded connection=%s error=%s", connection.pk, type(error).__name__)


def note_missing_scopes(connection: Connection, scopes: tuple[str, ...], *, actor: Actor) -> None:
    """Store that the service refused a call for missing scopes (RFC 6750 3.1).

    A scope that counted as granted is removed, and the connection needs attention. A scope that was never requested is
    added to what the next reconnect requests, if the catalog has it: a response cannot make us request other scopes.
    """
    entry = entry_for(connection.integration)
    known = {scope.name for scope in entry.scopes}
    with transaction.atomic():
        current = lock(connection.pk)
        if current is None:
            return
        requested = Connection.objects.values_list("scopes_requested", flat=True).get(pk=connection.pk)
        lost = sorted(set(scopes) & set(current.scopes_granted))
        added = sorted((set(scopes) & known) - set(requested))
        if not lost and not added:
            return
        Connection.objects.filter(pk=connection.pk).update(
            scopes_granted=[scope for scope in current.scopes_granted if scope not in lost],
            scopes_requested=[*requested, *added],
        )
        record(
            action="connection.lacks_scopes",
            origin=actor.origin,
            team_id=connection.team_id,
            target=target_of(connection),
            outcome="failure",
            scopes=sorted({*lost, *added}),
        )
        if lost:
            mark_needs_attention(connection, reason="missing_scopes", origin=actor.origin)
