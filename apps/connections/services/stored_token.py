"""A stored access token that is fresh, for the holder of an API key, in one statement of PostgreSQL.

The common case of a token read. What it does not cover takes `tokens.issue_token`, where the rules are: the statement
returns nothing unless the result is sure to be the same.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin, Target
from apps.audit.services import log_event
from apps.bounded import BoundedDict
from apps.connections import metrics
from apps.connections.models import Connection, TokenSet
from apps.connections.policy import scopes as scope_sets
from apps.connections.policy.refresh_policy import fresh_for
from apps.connections.services.connection_params import provider_of
from apps.connections.services.tokens import IssuedToken, seconds_left
from apps.connections.services.usage import LAST_USED_PRECISION
from apps.errors import SpecwayError
from apps.integrations.models import Integration, OAuthApp
from apps.sql import PostgreSQLStatement
from apps.teams.authentication import LAST_USED_PRECISION as KEY_PRECISION
from apps.vault.envelope import Binding, Ciphertext, WrappedKey
from apps.vault.sealed import StoredSecret

# Most connections of an integration share their inputs, so those of a connection not seen before are often among these.
_GUESSES = 32


@dataclass(frozen=True, slots=True)
class _Found:
    """A row of the statement: the token set, and what the response and the missing scopes depend on.

    `inputs` is a hash of all that the missing scopes are computed from, `inputs_in_full` the inputs themselves where
    the caller did not name the hash; then nothing was recorded, and there is no `access_token`.
    """

    inputs: bytes
    is_recorded: bool
    access_token: bytes | None = field(repr=False)
    data_key: str | None = field(repr=False)
    token_set_id: UUID
    token_set_team_id: UUID
    token_type: str
    expires_at: datetime | None
    version: int
    db_now: datetime
    scopes_requested: list[str]
    scopes_granted: list[str]
    slug: str
    integration_team_id: UUID | None
    inputs_in_full: dict[str, Any] | None = field(repr=False)


_statement = PostgreSQLStatement(Path(__file__).with_suffix(".sql"), _Found)
is_available = _statement.is_available
# The missing scopes by the inputs they were computed from, and the inputs of connections when they were last read.
_missing_scopes = BoundedDict[bytes, list[str]](10_000)
_inputs_of = BoundedDict[UUID, bytes](100_000)


@sensitive_variables()
def stored_token(
    *, connection_id: UUID, prefix: str, secret_hash: str, origin: Origin, min_ttl: int
) -> IssuedToken | None:
    """The token of the connection for the holder of an API key, recorded in the audit log before it is returned.

    `min_ttl` (seconds) is how long it must still live; `origin` is that of the request, without who acts. None if the
    caller may not have it or if anything has to be done first: then nothing is recorded. Raises UnreadableSecret, and
    the database's exceptions.
    """
    values = {
        "connection": connection_id,
        "prefix": prefix,
        "secret_hash": secret_hash,
        "fresh_for": fresh_for(timedelta(seconds=min_ttl)),
        "now": timezone.now(),
        "key_precision": KEY_PRECISION,
        "connection_precision": LAST_USED_PRECISION,
        "workflow_id": origin.workflow_id[:200],
        "workflow_name": origin.workflow_name[:200],
        "run_id": origin.run_id[:200],
        "ip": origin.ip,
        "user_agent": origin.user_agent[:300],
    }
    found = _statement.one(known_inputs=_guessed_inputs(connection_id), **values)
    if found is not None and not found.is_recorded and _learn(found):
        found = _statement.one(known_inputs=[found.inputs], **values)
    if found is None or not found.is_recorded:
        return None
    _inputs_of.put(connection_id, found.inputs)
    return _issued(found, connection_id)


def _guessed_inputs(connection_id: UUID) -> list[bytes]:
    """The inputs that the connection had before; for one not read before, those that were read last."""
    before = _inputs_of.get(connection_id)
    return _missing_scopes.newest(_GUESSES) if before is None else [before]


def _learn(found: _Found) -> bool:
    """Compute and keep the missing scopes of these inputs. False where the ordinary path raises an error."""
    inputs = found.inputs_in_full
    if inputs is None:
        return False
    integration = Integration(slug=found.slug, team_id=found.integration_team_id, **inputs["integration"])
    oauth_app = OAuthApp(**inputs["oauth_app"]) if inputs["oauth_app"] else None
    connection = Connection(integration=integration, oauth_app=oauth_app, params=inputs["params"])
    try:
        provider = provider_of(connection)
    except SpecwayError:
        return False
    missing = scope_sets.missing(wanted=found.scopes_requested, granted=found.scopes_granted, provider=provider)
    _missing_scopes.put(found.inputs, missing)
    return True


@sensitive_variables()
def _issued(found: _Found, connection_id: UUID) -> IssuedToken | None:
    missing = _missing_scopes.get(found.inputs)
    if found.access_token is None or missing is None:
        return None
    target = Target(type="connection", id=str(connection_id))
    log_event("token.handed_out", AuditEvent.Outcome.SUCCESS, target)
    metrics.token_handed_out(metrics.label(found.slug, team_id=found.integration_team_id))
    secret = StoredSecret(
        Ciphertext.from_bytes(found.access_token),
        None if found.data_key is None else WrappedKey.from_text(found.data_key),
        Binding(TokenSet._meta.db_table, str(found.token_set_id), str(found.token_set_team_id)),
        "access_token",
    )
    return IssuedToken(
        access_token=secret.reveal(),
        token_type=found.token_type,
        expires_at=found.expires_at,
        scopes=found.scopes_granted,
        missing_scopes=missing,
        version=found.version,
        ttl=seconds_left(found.expires_at, found.db_now),
    )
