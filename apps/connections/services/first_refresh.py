"""The first refresh of a connection to a team's own API: made due at once, so that a fault shows on the first day.

It goes the way of every refresh (due row, lease, fence), so it is as safe where a used refresh token is punished. What
comes of it is noted; what says nothing (a service that is down) leaves it due.
"""

from apps.connections.models import Connection, FirstRefresh, TokenSet
from apps.integrations.models import Integration
from apps.sql import Now

_OUTCOME = FirstRefresh.Outcome
_TELLING = {outcome.value for outcome in _OUTCOME} - {_OUTCOME.DUE.value}


def expect(connection: Connection, row: TokenSet) -> None:
    """Have a new or repaired connection refreshed at once, in the caller's transaction. Only for a team's own API
    where people give consent: others have no refresh token, or are proven by the catalog."""
    if not connection.integration.is_custom or connection.integration.kind != Integration.Kind.OAUTH2:
        return
    has_token = row.refresh_token is not None
    outcome = _OUTCOME.DUE if has_token else _OUTCOME.NO_REFRESH_TOKEN
    FirstRefresh.objects.update_or_create(connection=connection, defaults={"outcome": outcome, "code": "", "at": Now()})
    if has_token:
        TokenSet.objects.filter(pk=row.pk, version=row.version).update(next_refresh_at=Now())


def note(connection: Connection, outcome: str, *, code: str = "") -> None:
    """What a refresh came to, in the caller's transaction: a success ends the matter, a refusal is kept in words."""
    if not connection.integration.is_custom or outcome not in _TELLING:
        return
    waiting = FirstRefresh.objects.filter(connection=connection).exclude(outcome=_OUTCOME.WORKED)
    waiting.update(outcome=outcome, code=code[:60], at=Now())
