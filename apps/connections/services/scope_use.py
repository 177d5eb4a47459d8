"""Which scopes the calls through a connection need, as far as they say so."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from apps.connections.models import Connection, ScopeUse

# Exact enough for a question about ninety days, and spares a write per call.
_EVERY = timedelta(hours=1)


def note_scopes(connection: Connection, scopes: Iterable[str], *, now: datetime) -> None:
    """Note that a call needs these of the connection's granted scopes, in the caller's transaction."""
    needed = {scope for scope in scopes if scope in connection.scopes_granted and len(scope) <= 300}
    if not needed:
        return
    rows = ScopeUse.objects.filter(connection=connection, scope__in=needed)
    known = set(rows.values_list("scope", flat=True))
    rows.filter(last_used_at__lt=now - _EVERY).update(last_used_at=now)
    ScopeUse.objects.bulk_create(
        [ScopeUse(connection=connection, scope=scope, last_used_at=now) for scope in sorted(needed - known)],
        ignore_conflicts=True,
    )
