"""Storing the grant of an authorization flow: a new connection, new tokens for one, or a decision to make."""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections.errors import AttemptSettled, ExchangeFailed
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession, Status, TokenSet
from apps.connections.policy.accounts import Sameness, compare
from apps.connections.services import attempts
from apps.connections.services.connection_params import account_of, provider_of
from apps.connections.services.grant import Grant, account_in, granted_scopes
from apps.connections.services.names import NAMES, given_names, pending_session
from apps.connections.services.recheck import lock_attempt, require_may_reconnect
from apps.connections.services.replaced import Replaced, changes_between, snapshot
from apps.connections.services.session_outcome import complete_sessions
from apps.connections.services.status import emit_event, expect_first_refresh, mark_reconnected, target_of
from apps.connections.services.token_values import token_columns
from apps.notifications.models import Event
from apps.sql import Now
from apps.vault.services import seal

_STATUS = AuthorizationAttempt.Status


@dataclass(frozen=True)
class Stored:
    """A settled or undecided attempt, and what its grant replaced, if it was stored in an existing connection."""

    attempt: AuthorizationAttempt
    replaced: Replaced | None = None


def store_grant(attempt: AuthorizationAttempt, grant: Grant, *, origin: Origin) -> Stored:
    """Store the grant in a new or existing connection. The attempt is then succeeded, or undecided for another account.

    Raises what `lock_attempt` raises, AttemptSettled if the connection to reconnect was disconnected, and
    ExchangeFailed if the service did not report the account this time.
    """
    with transaction.atomic(durable=True):
        return store_or_ask(attempt, grant, origin=origin)


def store_or_ask(attempt: AuthorizationAttempt, grant: Grant, *, origin: Origin) -> Stored:
    """As `store_grant`, in the caller's transaction."""
    member = lock_attempt(attempt)
    if grant.choices:
        labels = [{"key": choice.key, "label": choice.label} for choice in grant.choices]
        return Stored(_await(attempt, grant, _STATUS.CHOOSING, {"choices": labels}))
    if attempt.connection_id is None:
        existing = same_account(attempt, grant)
    else:
        existing = locked(attempt.connection_id)
        require_may_reconnect(member, existing)
        before, now = account_of(existing), account_in(attempt, grant)
        if before.is_known and not now.is_known:
            name = attempt.integration.name
            raise ExchangeFailed(
                gettext_noop("%(name)s did not report the account, so nothing was changed. Try again.") % {"name": name}
            )
        if compare(before, now) is not Sameness.SAME:
            account = {"subject": grant.subject, "label": grant.label, "known": now.is_known}
            return Stored(_await(attempt, grant, _STATUS.UNDECIDED, account))
    return store(attempt, grant, existing=existing, origin=origin)


def store(attempt: AuthorizationAttempt, grant: Grant, *, existing: Connection | None, origin: Origin) -> Stored:
    """Write the grant into `existing` or a new connection, in the caller's transaction, and settle the attempt."""
    replaced, session = None, pending_session(attempt)
    if existing is None:
        connection = _create(attempt, grant, session, origin=origin)
    else:
        connection, replaced = _replace(existing, attempt, grant, session, origin=origin)
        changes = changes_between(replaced.connection, connection)
        attempt.result = {"connected_already": attempt.connection_id is None, "changes": changes}
    AuthorizationAttempt.objects.filter(pk=attempt.pk).update(
        status=_STATUS.SUCCEEDED,
        connection=connection,
        code_verifier=None,
        pending_tokens=None,
        result=attempt.result,
    )
    sessions, is_new = ConnectSession.objects.filter(attempt=attempt), replaced is None
    complete_sessions(sessions, connection, connected_already=not is_new, origin=origin)
    attempt.status, attempt.connection = _STATUS.SUCCEEDED, connection
    return Stored(attempt, replaced)


def locked(connection_id: UUID) -> Connection:
    """The connection, locked until the end of the transaction. Raises AttemptSettled if it was disconnected."""
    connection = (
        Connection.objects.select_for_update(of=("self",))
        .select_related("integration")
        .filter(pk=connection_id)
        .exclude(status=Status.DISCONNECTING)
        .first()
    )
    if connection is None:
        raise AttemptSettled(gettext_noop("The connection was disconnected meanwhile. Connect the service again."))
    return connection


def same_account(attempt: AuthorizationAttempt, grant: Grant) -> Connection | None:
    """The person's own connection to the same account, if the grant includes all of its scopes.

    A grant with fewer scopes becomes a new connection, so that no workflow loses a permission.
    """
    account = account_in(attempt, grant)
    own = (
        Connection.objects.select_for_update(of=("self",))
        .select_related("integration")
        .filter(
            team=attempt.team_id,
            integration=attempt.integration_id,
            owner=attempt.user_id,
            oauth_app=attempt.oauth_app_id,
        )
    )
    granted = set(granted_scopes(attempt, grant))
    same = (
        row for row in own.exclude(status=Status.DISCONNECTING) if compare(account_of(row), account) is Sameness.SAME
    )
    return next((row for row in same if granted.issuperset(row.scopes_granted)), None)


def _create(
    attempt: AuthorizationAttempt, grant: Grant, session: ConnectSession | None, *, origin: Origin
) -> Connection:
    connection = Connection.objects.create(
        team_id=attempt.team_id,
        integration=attempt.integration,
        oauth_app=attempt.oauth_app,
        owner_id=attempt.user_id,
        name=_free_name(attempt, grant),
        account_subject=grant.subject,
        account_label=grant.label,
        scopes_requested=attempt.scopes_requested,
        scopes_granted=granted_scopes(attempt, grant),
        params=attempt.params | grant.params,
        site=grant.site,
        **given_names(session),
        status_changed_at=Now(),
        # Pagination compares it with Python's microseconds, and SQLite's clock has milliseconds only.
        created_at=timezone.now(),
    )
    row = TokenSet(connection=connection, team_id=attempt.team_id, client_key=attempt.oauth_app.client_key)
    values = token_columns(row, grant.response, provider=provider_of(connection), sent_at=_sent_at(attempt))
    values["revocation_version"] = attempt.revocation_version
    for name, value in values.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    expect_first_refresh(connection, row)
    _record("connection.created", connection, attempt, row.access_token_fp, origin=origin)
    emit_event(Event.CREATED, connection, connect_session=session and str(session.pk))
    return connection


def _free_name(attempt: AuthorizationAttempt, grant: Grant) -> str:
    """The account's label, with its tenant or a number if a connection of the owner has that name already.

    Without a label, the name has the account's ID.
    """
    words = {"service": attempt.integration.name, "subject": grant.subject}
    name = grant.label or (gettext("%(service)s account %(subject)s") % words).strip()[:200]
    own = Connection.objects.filter(team=attempt.team_id, integration=attempt.integration_id, owner=attempt.user_id)
    taken = set(own.exclude(status=Status.DISCONNECTING).values_list("name", flat=True))
    tenant = ", ".join(account_in(attempt, grant).tenant.values())
    numbered = (f"{name[:190]} ({number})" for number in count(2))
    choices = chain([name, f"{name} ({tenant})"[:200]] if tenant else [name], numbered)
    return next(choice for choice in choices if choice not in taken)


def _replace(
    connection: Connection,
    attempt: AuthorizationAttempt,
    grant: Grant,
    session: ConnectSession | None,
    *,
    origin: Origin,
) -> tuple[Connection, Replaced]:
    row = TokenSet.objects.select_for_update().get(connection=connection)
    replaced = snapshot(connection, row, account_in(attempt, grant))
    keeps_refresh_token = _keeps_refresh_token(replaced, attempt)
    connection.oauth_app = attempt.oauth_app
    connection.params = connection.params | attempt.params | grant.params
    values = token_columns(row, grant.response, provider=provider_of(connection), sent_at=_sent_at(attempt))
    values["client_key"] = attempt.oauth_app.client_key
    values["revocation_version"] = attempt.revocation_version
    if not grant.response.refresh_token and not keeps_refresh_token:
        values |= {"refresh_token": None, "next_refresh_at": values["expires_at"]}
    # The new version makes a refresh in progress stale.
    TokenSet.objects.filter(pk=row.pk).update(version=F("version") + 1, **values)
    _set_account(connection, grant, replaced.sameness)
    connection.site = grant.site
    connection.scopes_requested = attempt.scopes_requested
    connection.scopes_granted = granted_scopes(attempt, grant)
    # The grant is now that of the person who reconnected, no longer the former owner's.
    connection.handed_over_from, connection.handed_over_by = "", None
    _save(connection, session)
    _record("connection.reconnected", connection, attempt, values["access_token_fp"], origin=origin)
    expect_first_refresh(connection, TokenSet.objects.get(pk=row.pk))
    _report_reconnected(replaced.connection, connection, session, origin=origin)
    return connection, replaced


def _save(connection: Connection, session: ConnectSession | None) -> None:
    """Save the replaced grant's columns, and the names of the session."""
    for name, value in given_names(session).items():
        setattr(connection, name, value)
    connection.save(
        update_fields=[
            *NAMES,
            "handed_over_from",
            "handed_over_by",
            "name",
            "account_subject",
            "account_label",
            "oauth_app",
            "scopes_requested",
            "scopes_granted",
            "params",
            "site",
        ]
    )


def _report_reconnected(
    before: Connection, connection: Connection, session: ConnectSession | None, *, origin: Origin
) -> None:
    changes = changes_between(before, connection)
    if connection.status == Status.ACTIVE:  # otherwise the event is that it works again
        emit_event(Event.RECONNECTED, connection, changes=changes, connect_session=session and str(session.pk))
    mark_reconnected(connection, origin=origin, changes=changes)


def _set_account(connection: Connection, grant: Grant, sameness: Sameness) -> None:
    """Store the grant's account. What it does not report stays only if both are of the same account."""
    if grant.label and connection.name == connection.account_label:
        connection.name = grant.label
    if grant.subject or sameness is not Sameness.SAME:
        connection.account_subject = grant.subject
    if grant.label or sameness is not Sameness.SAME:
        connection.account_label = grant.label


def _keeps_refresh_token(replaced: Replaced, attempt: AuthorizationAttempt) -> bool:
    """Whether the stored refresh token stays valid: not if its grant ended, or is of another account or client."""
    works = replaced.connection.status != Status.NEEDS_ATTENTION
    same_client = attempt.oauth_app_id == replaced.connection.oauth_app_id and replaced.is_of_current_client
    return works and replaced.sameness is Sameness.SAME and same_client


def _sent_at(attempt: AuthorizationAttempt) -> datetime:
    """The start of the token's life: the database's time at which the state was consumed, right before the exchange."""
    if attempt.consumed_at is None:
        raise AttemptSettled(gettext_noop("This attempt has no callback."))
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


def _await(attempt: AuthorizationAttempt, grant: Grant, status: str, asked: dict[str, Any]) -> AuthorizationAttempt:
    """Keep the grant, encrypted, until the person decides what is asked. The old tokens are unchanged."""
    values = seal(attempt, pending_tokens=grant.to_json())
    AuthorizationAttempt.objects.filter(pk=attempt.pk).update(
        **values,
        status=status,
        pending_account=asked,
        expires_at=Now() + attempts.LIFETIME,
    )
    attempt.refresh_from_db(fields=["status", "pending_account", "pending_tokens", "expires_at"])
    return attempt
