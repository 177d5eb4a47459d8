"""What becomes of a grant that an authorization trip brought: a new connection, new tokens for one, or a question."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections.errors import AttemptSettled, ExchangeFailed
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession, Status, TokenSet
from apps.connections.policy import scopes
from apps.connections.services import attempts, events, first_refresh
from apps.connections.services.provider import provider_of
from apps.connections.services.status import mark_reconnected, target_of
from apps.connections.services.token_values import accepted, from_json, to_json
from apps.notifications.models import Event
from apps.oauth.token_response import TokenResponse
from apps.vault.services import seal

_STATUS = AuthorizationAttempt.Status


@dataclass(frozen=True)
class Grant:
    """A token answer with the account that it belongs to and the placeholder values that came with it."""

    response: TokenResponse
    subject: str
    label: str
    params: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """For the attempt's encrypted column, while the person decides."""
        return json.dumps(
            {"response": to_json(self.response), "subject": self.subject, "label": self.label, "params": self.params}
        )

    @classmethod
    def from_json(cls, text: str) -> "Grant":
        data = json.loads(text)
        return cls(from_json(data["response"]), data["subject"], data["label"], data["params"])


def store_grant(attempt: AuthorizationAttempt, grant: Grant, *, origin: Origin) -> AuthorizationAttempt:
    """Store the grant where it belongs. The attempt comes back succeeded, or undecided for another account.

    Raises AttemptSettled if the connection to repair was disconnected meanwhile, and ExchangeFailed if nobody can tell
    whether the account is still the one that it was.
    """
    with transaction.atomic(durable=True):
        if attempt.connection_id is None:
            existing = same_account(attempt, grant)
        else:
            existing = locked(attempt.connection_id)
            if existing.account_subject and not grant.subject:
                name = attempt.integration.name
                raise ExchangeFailed(f"{name} did not say whose account this is, so nothing was changed. Try again.")
            if existing.account_subject and existing.account_subject != grant.subject:
                return _ask(attempt, grant)
        return store(attempt, grant, existing=existing, origin=origin)


def store(
    attempt: AuthorizationAttempt, grant: Grant, *, existing: Connection | None, origin: Origin
) -> AuthorizationAttempt:
    """Write the grant into `existing` or a new connection, in the caller's transaction, and settle the attempt."""
    if existing is None:
        connection = _create(attempt, grant, origin=origin)
    else:
        connection = _replace(existing, attempt, grant, origin=origin)
    AuthorizationAttempt.objects.filter(pk=attempt.pk).update(
        status=_STATUS.SUCCEEDED, connection=connection, code_verifier=None, pending_tokens=None
    )
    ConnectSession.objects.filter(attempt=attempt).update(connection=connection, connected_at=Now())
    attempt.status, attempt.connection = _STATUS.SUCCEEDED, connection
    return attempt


def locked(connection_id: UUID) -> Connection:
    """The connection to repair, held to the end of the transaction. Raises AttemptSettled if it was disconnected."""
    connection = (
        Connection.objects.select_for_update(of=("self",))
        .select_related("integration")
        .filter(pk=connection_id)
        .exclude(status=Status.DISCONNECTING)
        .first()
    )
    if connection is None:
        raise AttemptSettled("The connection was disconnected meanwhile. Connect the service anew.")
    return connection


def same_account(attempt: AuthorizationAttempt, grant: Grant) -> Connection | None:
    """The person's own connection to the same account, if the grant covers all that it may do: connecting renews it.

    A narrower grant becomes a connection of its own, so that no workflow loses a permission unasked.
    """
    if not grant.subject:
        return None
    own = (
        Connection.objects.select_for_update(of=("self",))
        .select_related("integration")
        .filter(
            team=attempt.team_id,
            integration=attempt.integration_id,
            owner=attempt.user_id,
            oauth_app=attempt.oauth_app_id,
            account_subject=grant.subject,
        )
    )
    granted = set(_granted(attempt, grant))
    covered = (c for c in own.exclude(status=Status.DISCONNECTING) if granted.issuperset(c.scopes_granted))
    return next(covered, None)


def _granted(attempt: AuthorizationAttempt, grant: Grant) -> list[str]:
    return scopes.granted(answered=grant.response.scopes, requested=attempt.scopes_requested)


def _create(attempt: AuthorizationAttempt, grant: Grant, *, origin: Origin) -> Connection:
    connection = Connection.objects.create(
        team_id=attempt.team_id,
        integration=attempt.integration,
        oauth_app=attempt.oauth_app,
        owner_id=attempt.user_id,
        name=grant.label or f"{attempt.integration.name} account",
        account_subject=grant.subject,
        account_label=grant.label,
        scopes_requested=attempt.scopes_requested,
        scopes_granted=_granted(attempt, grant),
        params=attempt.params | grant.params,
        status_changed_at=Now(),
        # Pages are cut by comparing this with Python's microseconds, where SQLite's clock has milliseconds only.
        created_at=timezone.now(),
    )
    row = TokenSet(connection=connection, team_id=attempt.team_id, client_key=attempt.oauth_app.client_key)
    values = accepted(row, grant.response, provider=provider_of(connection), sent_at=_sent_at(attempt))
    for name, value in values.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    first_refresh.expect(connection, row)
    _record("connection.created", connection, attempt, row.access_token_fp, origin=origin)
    events.emit(Event.CREATED, connection)
    return connection


def _replace(connection: Connection, attempt: AuthorizationAttempt, grant: Grant, *, origin: Origin) -> Connection:
    row = TokenSet.objects.select_for_update().get(connection=connection)
    continues = _continues(connection, attempt, grant)
    connection.oauth_app = attempt.oauth_app
    connection.params = connection.params | attempt.params | grant.params
    values = accepted(row, grant.response, provider=provider_of(connection), sent_at=_sent_at(attempt))
    values["client_key"] = attempt.oauth_app.client_key
    if not grant.response.refresh_token and not continues:
        values |= {"refresh_token": None, "next_refresh_at": values["expires_at"]}
    # The version moves, so a refresh that is under way is fenced off.
    TokenSet.objects.filter(pk=row.pk).update(version=F("version") + 1, **values)
    if grant.label and connection.name == connection.account_label:
        connection.name = grant.label
    connection.account_subject = grant.subject or connection.account_subject
    connection.account_label = grant.label or connection.account_label
    connection.scopes_requested = attempt.scopes_requested
    connection.scopes_granted = _granted(attempt, grant)
    # Whoever reconnects brings a grant of their own: nobody who handed it over signs in any more.
    connection.handed_over_from, connection.handed_over_by = "", None
    connection.save(
        update_fields=[
            "handed_over_from",
            "handed_over_by",
            "name",
            "account_subject",
            "account_label",
            "oauth_app",
            "scopes_requested",
            "scopes_granted",
            "params",
        ]
    )
    _record("connection.reconnected", connection, attempt, values["access_token_fp"], origin=origin)
    first_refresh.expect(connection, TokenSet.objects.get(pk=row.pk))
    mark_reconnected(connection, origin=origin)
    return connection


def _continues(connection: Connection, attempt: AuthorizationAttempt, grant: Grant) -> bool:
    """Whether the refresh token that is stored goes on to serve: not if its grant ended, or was another account's or
    another OAuth app's."""
    same_account = not grant.subject or grant.subject == connection.account_subject
    same_app = attempt.oauth_app_id == connection.oauth_app_id
    return connection.status != Status.NEEDS_ATTENTION and same_account and same_app


def _sent_at(attempt: AuthorizationAttempt) -> datetime:
    """The exchange followed right upon the consumption, whose time is the database's."""
    if attempt.consumed_at is None:
        raise AttemptSettled("This attempt was never answered.")
    return attempt.consumed_at


def _record(
    action: str, connection: Connection, attempt: AuthorizationAttempt, token_fp: str, *, origin: Origin
) -> None:
    record(
        action=action,
        origin=origin,
        team_id=connection.team_id,
        target=target_of(connection),
        token_fp=token_fp,
        account=connection.account_label,
        scopes_requested=attempt.scopes_requested,
        scopes_granted=connection.scopes_granted,
    )


def _ask(attempt: AuthorizationAttempt, grant: Grant) -> AuthorizationAttempt:
    """Keep the answer of another account, sealed, until the person decides; the old tokens stay as they are."""
    values = seal(attempt, pending_tokens=grant.to_json())
    AuthorizationAttempt.objects.filter(pk=attempt.pk).update(
        **values,
        status=_STATUS.UNDECIDED,
        pending_account={"subject": grant.subject, "label": grant.label},
        expires_at=Now() + attempts.LIFETIME,
    )
    attempt.refresh_from_db(fields=["status", "pending_account", "expires_at"])
    return attempt
