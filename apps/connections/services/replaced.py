"""What a new grant replaced in a connection: the earlier tokens, which may have to be revoked, and what changed."""

from copy import copy
from dataclasses import dataclass, field
from typing import Any

from apps.connections.models import Connection, TokenSet
from apps.connections.policy.accounts import Account, Sameness, compare
from apps.connections.services.connection_params import account_of
from apps.oauth.token_response import TokenResponse


@dataclass(frozen=True)
class Replaced:
    """A connection as it was before another grant was stored in it.

    `client_key` is that of the client to which `tokens` were issued, `revocation_version` that of `tokens`; `sameness`
    compares the accounts of both grants.
    """

    connection: Connection
    tokens: TokenResponse | None = field(repr=False)
    client_key: str
    revocation_version: int
    sameness: Sameness

    @property
    def is_of_current_client(self) -> bool:
        """Whether the connection's OAuth app is still the client of the tokens: no other client may send them."""
        oauth_app = self.connection.oauth_app
        return oauth_app is not None and self.client_key in ("", oauth_app.client_key)


def snapshot(connection: Connection, row: TokenSet, account: Account) -> Replaced:
    """The connection as it is, before a grant of `account` is stored in it. `row` is its token set."""
    tokens = None
    if row.access_token is not None:
        refresh_token = row.refresh_token.reveal() if row.refresh_token else None
        tokens = TokenResponse(access_token=row.access_token.reveal(), refresh_token=refresh_token)
    sameness = compare(account_of(connection), account)
    return Replaced(copy(connection), tokens, row.client_key, row.revocation_version, sameness)


def changes_between(before: Connection, after: Connection) -> dict[str, Any]:
    """What a new grant changed: `scopes_added`, `scopes_removed` and `account` (labels), each only if it did."""
    had, has = set(before.scopes_granted), set(after.scopes_granted)
    changes: dict[str, Any] = {"scopes_added": sorted(has - had), "scopes_removed": sorted(had - has)}
    if before.account_label and before.account_label != after.account_label:
        changes["account"] = {"before": before.account_label, "after": after.account_label}
    return {name: value for name, value in changes.items() if value}
