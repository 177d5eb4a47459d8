"""Connections with a key that a person enters: verified by a request, stored encrypted, replaced in place."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.audit.services import fingerprint, record
from apps.connections.errors import AnotherAccount, KeyNotChecked, WrongKind
from apps.connections.models import Connection, Credential, Status, TokenSet
from apps.connections.services.client_credentials import obtain, own_client
from apps.connections.services.connection_params import provider_of, required_params
from apps.connections.services.recheck import require_can_connect, require_can_manage
from apps.connections.services.revocation_host import may_keep_fields
from apps.connections.services.status import emit_event, mark_reconnected, target_of
from apps.connections.services.stored_key import is_for_current_base_url, stored_fields
from apps.connections.services.token_values import token_columns
from apps.connections.services.tracing import Trace, of_connection, traced
from apps.connections.services.verification import Checked, verify
from apps.errors import NotAllowed, NotFound
from apps.integrations.catalog.entries import entry_for
from apps.integrations.catalog.key_schema import Verification
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.errors import InvalidInput
from apps.integrations.keys import checked_input, ending, key_access, main_secret, verification_of
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.integrations.reach import host_problems
from apps.notifications.models import Event
from apps.oauth.signing import Credentials, token_credentials
from apps.oauth.token_response import TokenResponse
from apps.sql import Now
from apps.teams.actor import Actor
from apps.vault.services import seal

# What to do if the service cannot verify a key: refuse it, or store it, after the person was asked.
IfUnchecked = Literal["refuse", "store"]


@dataclass(frozen=True)
class VerifiedKey:
    """The verified values of a key's fields and parameters, with the token of a connection's own client."""

    fields: Mapping[str, str] = field(repr=False)
    params: Mapping[str, str]
    scopes: Sequence[str]
    checked: Checked
    token: TokenResponse | None = field(default=None, repr=False)

    @property
    def granted(self) -> list[str]:
        """The scopes of the token response, else those requested. Sorted."""
        answered = self.token.scopes if self.token else None
        return sorted(self.scopes if answered is None else answered)


@sensitive_variables()
def connect_with_key(
    *,
    actor: Actor,
    integration: Integration,
    fields: Mapping[str, object],
    params: Mapping[str, object],
    name: str = "",
    scopes: Sequence[str] = (),
    if_unchecked: IfUnchecked = "refuse",
    names: Mapping[str, Any] = MappingProxyType({}),
    connect_session: UUID | None = None,
) -> Connection:
    """Verify the values by a request if the service has one, and store them as a new connection of the actor.

    The default `name` is the account's; `names` are a program's (see names.py). Raises InvalidInput (by field),
    KeyRefused, KeyNotChecked, WrongKind.
    """
    entry = keyed(integration)
    if actor.team is None or actor.user is None:
        raise NotAllowed(gettext_noop("A connection belongs to a person. Use a personal API key, or sign in."))
    values, placeholders = checked_input(entry, fields=fields, params=params)
    requested = _scopes(entry, scopes)
    with traced(Trace(integration=integration, team_id=actor.team.pk, label=str(actor.user))):
        key = _verified(integration, values, placeholders, requested, if_unchecked=if_unchecked)
    with transaction.atomic(durable=True):
        require_can_connect(actor, integration)
        connection = Connection.objects.create(
            team=actor.team,
            integration=integration,
            owner=actor.user,
            name=name.strip()[:200] or key.checked.label or gettext("%(service)s key") % {"service": integration.name},
            scopes_requested=requested,
            **_columns(key),
            **names,
        )
        _store_new_key(connection, key)
        _record("connection.created", connection, entry, key, actor=actor)
        emit_event(Event.CREATED, connection, connect_session=connect_session and str(connect_session))
    return connection


def _columns(key: VerifiedKey) -> dict[str, Any]:
    """The columns of a new connection that follow from its key."""
    return {
        "account_subject": key.checked.subject,
        "account_label": key.checked.label,
        "scopes_granted": key.granted,
        "params": key.params,
        "status_changed_at": Now(),
        "created_at": Now(),
    }


@sensitive_variables()
def _store_new_key(connection: Connection, key: VerifiedKey) -> None:
    Credential.objects.create(
        connection=connection,
        team=connection.team,
        fields=json.dumps(key.fields),
        base_url_fingerprint=connection.integration.base_url_fingerprint,
        created_at=Now(),
        checked_at=Now() if key.checked.was_made else None,
    )
    if key.token:
        _store_token(connection, key.token)


@sensitive_variables()
def replace_key(
    *,
    actor: Actor,
    connection: Connection,
    fields: Mapping[str, object],
    params: Mapping[str, object] = MappingProxyType({}),
    if_unchecked: IfUnchecked = "refuse",
) -> Connection:
    """Verify new values and store them in place of the old ones. An empty value leaves the stored one unchanged.

    `params` are used if the connection lacks a required parameter: then every field has to be entered again, because
    the parameter may change where the key is sent. Raises what `connect_with_key` raises, AnotherAccount if the values
    belong to another account, and NotFound if the connection was disconnected meanwhile.
    """
    entry = keyed(connection.integration)
    values, placeholders = _replacement(entry, connection, fields, params)
    with traced(of_connection(connection)):
        key = _verified(
            connection.integration, values, placeholders, connection.scopes_requested, if_unchecked=if_unchecked
        )
    _require_same_account(connection, key.checked)
    with transaction.atomic(durable=True):
        _lock(connection)
        require_can_manage(connection, actor)
        _store_replacement(connection, key)
        _record("connection.key_replaced", connection, entry, key, actor=actor)
        mark_reconnected(connection, origin=actor.origin)
    return Connection.objects.with_details().get(pk=connection.pk)


@sensitive_variables()
def _replacement(
    entry: CatalogEntry, connection: Connection, fields: Mapping[str, object], params: Mapping[str, object]
) -> tuple[dict[str, str], dict[str, str]]:
    """The fields and parameters to verify: those entered, over those stored. Raises WrongKind and InvalidInput."""
    required = {param.name for param in required_params(connection)}
    if not entry.fields and not required:
        raise WrongKind(
            gettext_noop("%(connection)s has no key, so there is nothing to replace.") % {"connection": connection.name}
        )
    entered = {name: value for name, value in fields.items() if not isinstance(value, str) or value.strip()}
    if not entered and not required:
        raise InvalidInput([(f"field.{entry.fields[-1].name}", gettext_noop("Enter the new value."))])
    # A key that was entered for other addresses is not sent to these: then every field has to be entered again.
    keeps = not required and is_for_current_base_url(connection) and may_keep_fields(connection)
    stored = stored_fields(connection) if keeps else {}
    of_user = {param.name for param in entry.params_from("user")}
    unchanged = {name: value for name, value in connection.params.items() if name in of_user - required}
    new = {name: value for name, value in params.items() if name in required}
    values, placeholders = checked_input(entry, fields=stored | entered, params=unchanged | new)
    return values, connection.params | placeholders


def _require_same_account(connection: Connection, checked: Checked) -> None:
    if connection.account_subject and checked.subject and checked.subject != connection.account_subject:
        account = checked.label or checked.subject
        raise AnotherAccount(
            gettext_noop("This key belongs to another account, %(account)s. Connect it as a new connection.")
            % {"account": account}
        )


@sensitive_variables()
def _store_replacement(connection: Connection, key: VerifiedKey) -> None:
    row = Credential.objects.select_for_update().get(connection=connection)
    Credential.objects.filter(pk=row.pk).update(
        **seal(row, fields=json.dumps(key.fields)),
        base_url_fingerprint=connection.integration.base_url_fingerprint,
        replaced_at=Now(),
        checked_at=Now() if key.checked.was_made else None,
        expires_on=None,
    )
    if key.token:
        _store_token(connection, key.token)
    _update_account(connection, key)
    # The key is no longer the former owner's.
    Connection.objects.filter(pk=connection.pk).update(
        handed_over_from="", handed_over_by=None, params=dict(key.params), verified_at=None
    )


def keyed(integration: Integration) -> CatalogEntry:
    """The catalog entry of a service that is connected with a key. Raises WrongKind for any other."""
    if integration.kind not in KINDS_WITH_KEY:
        raise WrongKind(
            gettext_noop("%(service)s is connected by signing in there, not with a key.")
            % {"service": integration.name}
        )
    return entry_for(integration)


@sensitive_variables()
def stored_ending(connection: Connection) -> str:
    """The last four characters of a long secret, by which its owner recognizes it; else ""."""
    if not is_for_current_base_url(connection):
        return ""
    return ending(main_secret(keyed(connection.integration), stored_fields(connection)))


def _scopes(entry: CatalogEntry, scopes: Sequence[str]) -> list[str]:
    listed = [scope.name for scope in entry.scopes]
    for scope in scopes:
        if scope not in listed:
            raise InvalidInput(
                [
                    (
                        "scopes",
                        gettext_noop("%(service)s has no scope called %(scope)s.")
                        % {"service": entry.name, "scope": scope[:100]},
                    )
                ]
            )
    return [name for name in listed if name in scopes] or list(entry.default_scopes)


@sensitive_variables()
def _verified(
    integration: Integration,
    fields: dict[str, str],
    params: dict[str, str],
    scopes: Sequence[str],
    *,
    if_unchecked: IfUnchecked,
) -> VerifiedKey:
    entry = keyed(integration)
    if problems := host_problems(entry, params):
        raise InvalidInput([(f"param.{name}", message) for name, message in problems])
    call = verification_of(entry, fields=fields, params=params)
    if entry.client_credentials:
        # The token is the verification. The account's name is optional.
        token = obtain(integration=integration, fields=fields, params=params, scopes=scopes)
        provider = provider_config(integration, params=params)
        access: Credentials = token_credentials(provider, token=token.access_token, credentials=own_client(fields))
        return VerifiedKey(fields, params, scopes, _checked(integration, call, access, if_unchecked="store"), token)
    access = key_access(entry, fields=fields, params=params)
    return VerifiedKey(fields, params, scopes, _checked(integration, call, access, if_unchecked=if_unchecked))


def _checked(
    integration: Integration, call: Verification | None, access: Credentials, *, if_unchecked: IfUnchecked
) -> Checked:
    try:
        return verify(integration.name, call, access)
    except KeyNotChecked:
        if if_unchecked == "refuse":
            raise
        return Checked()


def _store_token(connection: Connection, token: TokenResponse) -> None:
    """Store a token of the connection's own client. A refresh in progress becomes stale."""
    row = TokenSet.objects.select_for_update().filter(connection=connection).first()
    is_new = row is None
    row = row or TokenSet(connection=connection, team_id=connection.team_id)
    row.connection = connection
    now = Connection.objects.filter(pk=connection.pk).values_list(Now(), flat=True).get()
    values = token_columns(row, token, provider=provider_of(connection), sent_at=now)
    values["revocation_version"] = connection.integration.revocation_version
    if not is_new:
        TokenSet.objects.filter(pk=row.pk).update(version=F("version") + 1, **values)
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def _lock(connection: Connection) -> None:
    rows = Connection.objects.select_for_update().filter(pk=connection.pk).exclude(status=Status.DISCONNECTING)
    if not rows.exists():
        raise NotFound(gettext_noop("There is no such connection."))


def _update_account(connection: Connection, key: VerifiedKey) -> None:
    checked = key.checked
    if checked.label and connection.name == connection.account_label:
        connection.name = checked.label
    connection.account_subject = checked.subject or connection.account_subject
    connection.account_label = checked.label or connection.account_label
    if key.token:
        connection.scopes_granted = key.granted
    connection.save(update_fields=["name", "account_subject", "account_label", "scopes_granted"])


def _record(action: str, connection: Connection, entry: CatalogEntry, key: VerifiedKey, *, actor: Actor) -> None:
    record(
        action=action,
        origin=actor.origin,
        team_id=connection.team_id,
        target=target_of(connection),
        token_fp=fingerprint(main_secret(entry, key.fields)),
        account=connection.account_label,
        checked=key.checked.was_made or key.token is not None,
    )
