"""The tokens of a refresh, stored and recorded in one statement of PostgreSQL.

The common case of a commit: an active connection keeps its scopes, and nothing else changes with its tokens. What it
does not cover takes the transaction of `refresh_outcome.commit_tokens`, where the rules are: five statements, after
each of which the thread waits for Python's lock. With many refreshes at once, a tenth of the throughput was lost so
(`python -m tests.bench.storm`: 5.7 ms of CPU for each refresh with one statement, 7.0 with five, in turns).
"""

import json
from pathlib import Path
from typing import Any

from django.utils import timezone

from apps.audit.models import REFRESHED, AuditEvent
from apps.audit.origin import Origin
from apps.audit.services import columns_of, log_event
from apps.connections.models import TokenSet
from apps.connections.services.lease import BEFORE_COMMIT, fault_point
from apps.connections.services.status import target_of
from apps.connections.services.token_values import SETTLED
from apps.integrations.oauth_apps import circuit_breaker
from apps.sql import PostgreSQLStatement

# Each is written; a secret among them that the response did not repeat stays.
_WRITTEN = ("access_token", "token_type", "access_token_fp", "obtained_at", "expires_at", "next_refresh_at")
_WRITTEN_IF_GIVEN = ("refresh_token", "kept_secrets")
_COLUMNS = {*SETTLED, *_WRITTEN, *_WRITTEN_IF_GIVEN}

_statement: PostgreSQLStatement[dict[str, Any]] = PostgreSQLStatement(Path(__file__).with_suffix(".sql"), dict)


def commit_in_one_statement(row: TokenSet, values: dict[str, Any], *, granted: list[str], origin: Origin) -> bool:
    """Store new tokens as `commit_tokens` does. False if they were not stored: because another process changed the
    version, or because more has to be written than this does. Raises the database's exceptions."""
    if not _statement.is_available() or not _covers(row, values):
        return False
    fault_point(BEFORE_COMMIT)
    target = target_of(row.connection)
    secrets = {name: values.get(name) for name in ("access_token", *_WRITTEN_IF_GIVEN)}
    recorded = _statement.one(
        id=row.pk,
        connection=row.connection_id,
        version=row.version,
        granted=json.dumps(granted),
        now=timezone.now(),
        team_id=row.connection.team_id,
        action=REFRESHED,
        **{name: values[name] for name in _WRITTEN if name not in secrets},
        **{name: None if secret is None else secret.to_bytes() for name, secret in secrets.items()},
        **columns_of(origin, target),
    )
    if recorded is None:
        return False
    log_event(REFRESHED, AuditEvent.Outcome.SUCCESS, target)
    return True


def _covers(row: TokenSet, values: dict[str, Any]) -> bool:
    """Whether these columns are all that is written, as far as the objects in memory show."""
    connection = row.connection
    oauth_app = connection.oauth_app
    is_app_fine = oauth_app is None or circuit_breaker.is_untroubled(oauth_app)
    return is_app_fine and not connection.integration.is_custom and _COLUMNS.issuperset(values)
