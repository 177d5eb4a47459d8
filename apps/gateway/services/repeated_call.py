"""A call by an API key through a connection that it has called through before, in one statement of PostgreSQL.

The process remembers who called through which connection, with the rows that this was decided from: their secrets
encrypted, except for a few seconds. The statement records the next such call if none of these rows has changed and
nothing has ended meanwhile. What it does not record takes the ordinary path (`calls`), where the rules are.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin, Target
from apps.audit.services import columns_of, log_event
from apps.bounded import BoundedDict, ShortLivedDict
from apps.connections.models import Connection
from apps.connections.policy.refresh_policy import fresh_for
from apps.connections.services.refresh import KINDS_WITHOUT_EXPIRY
from apps.connections.services.status import target_of
from apps.connections.services.usage import LAST_USED_PRECISION
from apps.gateway.services.calls import RequestCredentials, stored_credentials
from apps.sql import PostgreSQLStatement
from apps.teams.actor import Actor
from apps.teams.authentication import LAST_USED_PRECISION as KEY_PRECISION

# Seconds for which a process keeps credentials decrypted.
DECRYPTED_FOR = 5.0
_NO_VERSION = b""
_NO_EVENT = columns_of(Origin("", "", ""), Target("", "")) | {"token_fp": "", "detail": "{}"}


class CallKey(NamedTuple):
    """The API key (by its prefix and hash) and the connection of a call."""

    prefix: str
    secret_hash: str
    connection_id: UUID


@dataclass(frozen=True, slots=True)
class _Compared:
    """A row of the statement: the version of all that decides about the call, and what changes with each use."""

    version: bytes
    is_recorded: bool
    db_now: datetime
    last_used_at: datetime | None
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What the ordinary path read and decided for a call when its rows had this version."""

    version: bytes
    actor: Actor
    connection: Connection


@dataclass(frozen=True)
class RepeatedCall:
    """A call that was allowed before, with objects of its own. `record_if_unchanged` it before it is sent."""

    key: CallKey
    version: bytes = field(repr=False)
    actor: Actor
    connection: Connection
    credentials: RequestCredentials = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnknownCall:
    """A call that the ordinary path has to decide about, and the version of the rows before it reads them."""

    key: CallKey
    version: bytes = field(repr=False)


_statement = PostgreSQLStatement(Path(__file__).with_suffix(".sql"), _Compared)
is_available = _statement.is_available
_allowed = BoundedDict[CallKey, _Allowed](1_000)
_decrypted = ShortLivedDict[CallKey, tuple[bytes, RequestCredentials]](500, seconds=DECRYPTED_FOR)


def repeated_call(key: CallKey, *, origin: Origin) -> RepeatedCall | None:
    """The call as it was allowed before; None if this process does not remember one. `origin` does not say who acts.

    Raises what `credentials_for` raises.
    """
    allowed = _allowed.get(key)
    if allowed is None:
        return None
    who = allowed.actor.origin
    actor = replace(allowed.actor, origin=replace(origin, kind=who.kind, id=who.id, label=who.label))
    connection = _copy(allowed.connection)
    return RepeatedCall(key, allowed.version, actor, connection, _credentials(key, allowed.version, connection))


def present_version(key: CallKey) -> UnknownCall | None:
    """For a call that is not remembered: the version of its rows, to be read before the ordinary path reads them.

    None if there is nothing to remember. Raises the database's exceptions.
    """
    found = _compared(key, _NO_VERSION, _NO_EVENT | {"fresh_for": None})
    return None if found is None else UnknownCall(key, found.version)


def record_if_unchanged(call: RepeatedCall, *, what: Mapping[str, str]) -> UnknownCall | None:
    """Record the call in the audit log and count it. None if that was done, so that it may be sent now.

    Otherwise something has changed or ended. `what` is the detail of the event. Raises the database's exceptions.
    """
    found = _compared(call.key, call.version, _values(call, what))
    if found is None or not found.is_recorded:
        _allowed.remove(call.key)
        _decrypted.remove(call.key)
        return UnknownCall(call.key, _NO_VERSION if found is None else found.version)
    connection, row = call.connection, call.credentials.token_set
    connection.db_now = found.db_now
    connection.last_used_at, connection.verified_at = found.last_used_at, found.verified_at
    if row is not None:
        row.db_now = found.db_now
    log_event("connection.used", AuditEvent.Outcome.SUCCESS, target_of(connection))
    return None


def remember(unknown: UnknownCall, *, actor: Actor, credentials: RequestCredentials) -> None:
    """The ordinary path has recorded the call. Credentials of a refresh are of a later version, and are not kept."""
    if actor.api_key is None or actor.by_browser_token or credentials.was_refreshed or not unknown.version:
        return
    connection = _copy(credentials.connection)
    _allowed.put(unknown.key, _Allowed(unknown.version, actor, connection))
    _decrypted.put(unknown.key, (unknown.version, _of(connection, credentials)))


@sensitive_variables()
def _credentials(key: CallKey, version: bytes, connection: Connection) -> RequestCredentials:
    kept = _decrypted.get(key)
    if kept is None or kept[0] != version:
        kept = version, stored_credentials(connection)
        _decrypted.put(key, kept)
    return _of(connection, kept[1])


def _of(connection: Connection, credentials: RequestCredentials) -> RequestCredentials:
    row = None if credentials.token_set is None else connection.token_set
    return replace(credentials, connection=connection, token_set=row)


def _copy(connection: Connection) -> Connection:
    """A copy with a token set of its own, since a call may change both."""
    copied = copy.copy(connection)
    row = getattr(copied, "token_set", None)
    if row is not None:
        copy.copy(row).connection = copied  # sets `copied.token_set` too
    return copied


def _values(call: RepeatedCall, what: Mapping[str, str]) -> dict[str, Any]:
    return columns_of(call.actor.origin, target_of(call.connection)) | {
        "token_fp": call.credentials.token_fp,
        "detail": json.dumps(what),
        "fresh_for": None if call.connection.integration.kind in KINDS_WITHOUT_EXPIRY else fresh_for(timedelta(0)),
    }


def _compared(key: CallKey, version: bytes, values: Mapping[str, Any]) -> _Compared | None:
    return _statement.one(
        prefix=key.prefix,
        connection=key.connection_id,
        known_version=version,
        now=timezone.now(),
        key_precision=KEY_PRECISION,
        connection_precision=LAST_USED_PRECISION,
        **values,
    )
