"""What will happen to a connection: until when it works, since when and why it fails. Pure."""

from datetime import datetime
from typing import Any

from apps.connections.messages import status_message
from apps.connections.models import Connection, Status, TokenSet


def usable_until(connection: Connection) -> datetime | None:
    """When calls stop working unless a person acts; None if no end is known.

    A token that can be refreshed has no known end. For a connection that has ended already, the time when it did.
    """
    token_set = _token_set(connection)
    needs_attention = connection.status == Status.NEEDS_ATTENTION
    if token_set is None:
        return connection.status_changed_at if needs_attention else None
    if token_set.refresh_grant_type and not needs_attention:
        return None
    return token_set.expires_at or (connection.status_changed_at if needs_attention else None)


def failing_since(connection: Connection) -> datetime | None:
    """Since when its refreshes or calls fail; None if they do not."""
    token_set = _token_set(connection)
    if token_set is not None and token_set.refused_since is not None:
        return token_set.refused_since
    if connection.status == Status.NEEDS_ATTENTION:
        return connection.status_changed_at
    return token_set.last_failure_at if token_set is not None and token_set.failure_count else None


def last_error(connection: Connection) -> dict[str, Any] | None:
    """`code`, `detail` and `at` of what is wrong; None if nothing is."""
    token_set = _token_set(connection)
    since = failing_since(connection)
    if since is None:
        return None
    failure = token_set.last_failure if token_set is not None and token_set.failure_count else ""
    at = token_set.last_failure_at if token_set is not None and failure else None
    return {
        "code": connection.status_reason or failure or "error",
        "detail": status_message(connection) or connection.service_message or failure,
        "at": at or since,
    }


def last_verified_at(connection: Connection) -> datetime | None:
    """When the service last issued a token for it, accepted its key, or answered a call with success."""
    token_set, credential = _token_set(connection), getattr(connection, "credential", None)
    times = (
        connection.verified_at,
        token_set.obtained_at if token_set is not None else None,
        credential.checked_at if credential is not None else None,
    )
    return max((at for at in times if at is not None), default=None)


def _token_set(connection: Connection) -> TokenSet | None:
    return getattr(connection, "token_set", None)
