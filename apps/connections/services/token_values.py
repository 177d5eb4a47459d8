"""A token response as the columns of a token set: sealed secrets, expiry and the next refresh."""

import json
import random
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from apps.audit.services import fingerprint
from apps.connections.models import TokenSet
from apps.connections.policy.refresh_policy import next_refresh_at
from apps.oauth.provider import ProviderConfig
from apps.oauth.token_response import SecondaryToken, TokenResponse
from apps.vault.services import seal

# The columns after a successful refresh: no lease, no unresolved send, no failure.
SETTLED: dict[str, Any] = {
    "lease_token": None,
    "lease_until": None,
    "dispatched_until": None,
    "sent_at": None,
    "sent_token_fp": "",
    "unresolved_sends": 0,
    "failure_count": 0,
    "last_failure": "",
    "last_failure_at": None,
    "not_before": None,
    "refusal_count": 0,
    "refused_since": None,
    "sent_by": "",
}


def to_json(response: TokenResponse) -> str:
    """A token response as JSON, for an encrypted column. `from_json` reads it back."""
    return json.dumps(asdict(response), default=sorted)  # sets of scopes are the only values that JSON lacks


def from_json(text: str) -> TokenResponse:
    """The token response that `to_json` wrote."""
    data = json.loads(text)
    data["scopes"] = None if data["scopes"] is None else frozenset(data["scopes"])
    secondary = {name: SecondaryToken(**_with_scope_set(token)) for name, token in data.pop("secondary").items()}
    return TokenResponse(**data, secondary=secondary)


def _with_scope_set(token: dict[str, Any]) -> dict[str, Any]:
    return token | {"scopes": None if token["scopes"] is None else frozenset(token["scopes"])}


def _seconds(count: int | None) -> timedelta | None:
    return None if count is None else timedelta(seconds=count)


def token_columns(
    row: TokenSet, response: TokenResponse, *, provider: ProviderConfig, sent_at: datetime
) -> dict[str, Any]:
    """The column values that store a token response in `row`, for `QuerySet.update()`.

    `sent_at` is when the request was sent, by the database's clock: the expiry counts from there. A refresh token or
    kept value that the response does not repeat is unchanged (RFC 6749 section 6).
    """
    secrets: dict[str, str] = {"access_token": response.access_token}
    if response.refresh_token:
        secrets["refresh_token"] = response.refresh_token
    if response.kept or response.secondary:
        document = json.loads(to_json(response))
        secrets["kept_secrets"] = json.dumps({name: document[name] for name in ("kept", "secondary")})
    expires_at = None if response.expires_in is None else sent_at + timedelta(seconds=response.expires_in)
    return {
        **SETTLED,
        **seal(row, **secrets),
        "token_type": response.token_type[:40],
        "access_token_fp": fingerprint(response.access_token),
        "obtained_at": sent_at,
        "expires_at": expires_at,
        "next_refresh_at": next_refresh_at(
            obtained_at=sent_at,
            expires_at=expires_at,
            refreshable=bool(response.refresh_token or row.refresh_grant_type),
            margin=_seconds(provider.refresh_margin),
            earliest=_seconds(provider.earliest_refresh),
            unused_lifetime=_seconds(provider.unused_lifetime),
            jitter=random.random(),  # noqa: S311 - spreads load, protects nothing
        ),
    }
