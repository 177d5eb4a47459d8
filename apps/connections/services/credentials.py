"""Connections that a person makes by entering a key: checked by a real call, stored sealed, replaced in place."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.views.decorators.debug import sensitive_variables

from apps.audit.services import fingerprint, record
from apps.connections.errors import AnotherAccount, KeyNotChecked, ReauthorizationRequired, WrongKind
from apps.connections.messages import reason_sentence
from apps.connections.models import Connection, Credential, Status, TokenSet
from apps.connections.services import events
from apps.connections.services.client_credentials import obtain, own_client
from apps.connections.services.connection_params import required_params
from apps.connections.services.provider import provider_of
from apps.connections.services.status import mark_reconnected, target_of
from apps.connections.services.token_values import accepted
from apps.connections.services.tracing import Trace, of_connection, traced
from apps.connections.services.verification import Checked, verify
from apps.errors import NotAllowed, NotFound
from apps.integrations.catalog.entries import entry_for, provider_config
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.errors import InvalidInput
from apps.integrations.keys import checked_input, ending, key_access, main_secret, verification_of
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.notifications.models import Event
from apps.oauth.signing import Credentials, token_credentials
from apps.oauth.token_response import TokenResponse
from apps.teams.actor import Actor
from apps.vault.services import seal

# What to do where the service could not be asked: nothing, or, as a person's second choice, store it all the same.
IfUnchecked = Literal["refuse", "store"]


@dataclass(frozen=True)
class Tried:
    """Values that were tried: what the check came to, and the token that a client of one's own obtained."""

    checked: Checked
    token: TokenResponse | None = None


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
) -> Connection:
    """Check the values by a real call where the service has one, and store them as a new connection of the actor.

    Without a `name` it takes the account's. Raises InvalidInput (by field), KeyRefused, KeyNotChecked, WrongKind.
    """
    entry = keyed(integration)
    if actor.team is None or actor.user is None:
        raise NotAllowed("A connection belongs to a person. Use a personal API key, or sign in.")
    values, places = checked_input(entry, fields=fields, params=params)
    asked = _scopes(entry, scopes)
    with traced(Trace(integration=integration, team_id=actor.team.pk, label=str(actor.user))):
        tried = _try(integration, values, places, asked, if_unchecked=if_unchecked)
    checked = tried.checked
    with transaction.atomic(durable=True):
        connection = Connection.objects.create(
            team=actor.team,
            integration=integration,
            owner=actor.user,
            name=name.strip()[:200] or checked.label or f"{integration.name} key",
            account_subject=checked.subject,
            account_label=checked.label,
            scopes_requested=asked,
            scopes_granted=_granted(tried, asked),
            params=places,
            status_changed_at=Now(),
            created_at=Now(),
        )
        Credential.objects.create(
            connection=connection,
            team=actor.team,
            fields=json.dumps(values),
            base_url_fingerprint=integration.base_url_fingerprint,
            created_at=Now(),
            checked_at=Now() if checked.was_made else None,
        )
        if tried.token:
            _store_token(connection, tried.token)
        _record("connection.created", connection, entry, values, tried, actor=actor)
        events.emit(Event.CREATED, connection)
    return connection


@sensitive_variables()
def replace_key(
    *,
    actor: Actor,
    connection: Connection,
    fields: Mapping[str, object],
    params: Mapping[str, object] = MappingProxyType({}),
    if_unchecked: IfUnchecked = "refuse",
) -> Connection:
    """Check new values and put them in the place of the old, which stay until then. What is left empty stays.

    `params` are taken where the API asks for a value that the connection lacks: then every field is asked for again,
    because what was entered may go to another place with them. Raises what `connect_with_key` raises, AnotherAccount
    where they open another one, and NotFound if the connection was disconnected meanwhile.
    """
    entry = keyed(connection.integration)
    wanted = {param.name for param in required_params(connection)}
    if not entry.fields and not wanted:
        raise WrongKind(f"{connection.name} takes no key, so there is none to replace.")
    given = {name: value for name, value in fields.items() if not isinstance(value, str) or value.strip()}
    if not given and not wanted:
        raise InvalidInput([(f"field.{entry.fields[-1].name}", "Enter the new value.")])
    # What was entered for other addresses is not sent to these: then all of it is asked for again.
    kept = stored_fields(connection) if is_for_current_base_url(connection) and not wanted else {}
    entered = {name: value for name, value in params.items() if name in wanted}
    standing = {name: value for name, value in _user_params(entry, connection).items() if name not in wanted}
    values, places = checked_input(entry, fields=kept | given, params=standing | entered)
    places = connection.params | places
    asked = connection.scopes_requested
    with traced(of_connection(connection)):
        tried = _try(connection.integration, values, places, asked, if_unchecked=if_unchecked)
    checked = tried.checked
    if connection.account_subject and checked.subject and checked.subject != connection.account_subject:
        sentence = f"This opens another account, {checked.label or checked.subject}. Connect it as a new one."
        raise AnotherAccount(sentence)
    with transaction.atomic(durable=True):
        _lock(connection)
        row = Credential.objects.select_for_update().get(connection=connection)
        Credential.objects.filter(pk=row.pk).update(
            **seal(row, fields=json.dumps(values)),
            base_url_fingerprint=connection.integration.base_url_fingerprint,
            replaced_at=Now(),
            checked_at=Now() if checked.was_made else None,
        )
        if tried.token:
            _store_token(connection, tried.token)
        _adopt_account(connection, tried)
        # The former owner's key is gone with this.
        Connection.objects.filter(pk=connection.pk).update(handed_over_from="", handed_over_by=None, params=places)
        _record("connection.key_replaced", connection, entry, values, tried, actor=actor)
        mark_reconnected(connection, origin=actor.origin)
    return Connection.objects.with_details().get(pk=connection.pk)


def keyed(integration: Integration) -> CatalogEntry:
    """The facts about a service that takes keys. Raises WrongKind for any other."""
    if integration.kind not in KINDS_WITH_KEY:
        raise WrongKind(f"{integration.name} asks you itself for access: connect it in the browser, without a key.")
    return entry_for(integration)


@sensitive_variables()
def stored_fields(connection: Connection) -> dict[str, str]:
    """The stored values by name. Raises UnreadableSecret, NotFound where there are none, and ReauthorizationRequired
    where they were entered for other addresses than the API has now."""
    row = Credential.objects.filter(connection=connection).select_related("team").first()
    return fields_in(row, connection.integration)


@sensitive_variables()
def fields_in(row: Credential | None, integration: Integration) -> dict[str, str]:
    """The values that a credential holds. Raises what `stored_fields` raises."""
    if row is None or row.fields is None:
        raise NotFound("Nothing is stored for this connection any more.")
    values: dict[str, str] = row.fields.reveal_json()
    if values and row.base_url_fingerprint != integration.base_url_fingerprint:
        raise ReauthorizationRequired(reason_sentence("address_changed", integration.name))
    return values


def is_for_current_base_url(connection: Connection) -> bool:
    """Whether what is stored may be sent to the addresses that the API has now."""
    return Credential.objects.filter(
        connection=connection, base_url_fingerprint=connection.integration.base_url_fingerprint
    ).exists()


@sensitive_variables()
def stored_ending(connection: Connection) -> str:
    """The last four characters of a long secret, so that its owner can tell which one it is; else nothing."""
    if not is_for_current_base_url(connection):
        return ""
    return ending(main_secret(keyed(connection.integration), stored_fields(connection)))


def _scopes(entry: CatalogEntry, scopes: Sequence[str]) -> list[str]:
    listed = [scope.name for scope in entry.scopes]
    for scope in scopes:
        if scope not in listed:
            raise InvalidInput([("scopes", f"{entry.name} has no permission called {scope[:100]}.")])
    return [name for name in listed if name in scopes] or list(entry.default_scopes)


def _user_params(entry: CatalogEntry, connection: Connection) -> dict[str, Any]:
    asked = {param.name for param in entry.params_from("user")}
    return {name: value for name, value in connection.params.items() if name in asked}


@sensitive_variables()
def _try(
    integration: Integration,
    values: dict[str, str],
    params: dict[str, str],
    scopes: Sequence[str],
    *,
    if_unchecked: IfUnchecked,
) -> Tried:
    entry = keyed(integration)
    call = verification_of(entry, fields=values, params=params)
    if entry.client_credentials:
        # The token is the proof, so there is no storing without one; the account's name is only nice to have.
        token = obtain(integration=integration, fields=values, params=params, scopes=scopes)
        provider = provider_config(integration, params=params)
        access: Credentials = token_credentials(provider, token=token.access_token, credentials=own_client(values))
        try:
            return Tried(verify(integration.name, call, access), token)
        except KeyNotChecked:
            return Tried(Checked(), token)
    access = key_access(entry, fields=values, params=params)
    try:
        return Tried(verify(integration.name, call, access))
    except KeyNotChecked:
        if if_unchecked == "refuse":
            raise
        return Tried(Checked())


def _granted(tried: Tried, asked: Sequence[str]) -> list[str]:
    answered = tried.token.scopes if tried.token else None
    return sorted(asked if answered is None else answered)


def _store_token(connection: Connection, token: TokenResponse) -> None:
    """The first token of a client of one's own, or a later one, which fences off a refresh that is under way."""
    row = TokenSet.objects.select_for_update().filter(connection=connection).first()
    is_new = row is None
    row = row or TokenSet(connection=connection, team_id=connection.team_id)
    row.connection = connection
    now = Connection.objects.filter(pk=connection.pk).values_list(Now(), flat=True).get()
    values = accepted(row, token, provider=provider_of(connection), sent_at=now)
    if not is_new:
        TokenSet.objects.filter(pk=row.pk).update(version=F("version") + 1, **values)
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def _lock(connection: Connection) -> None:
    standing = Connection.objects.select_for_update().filter(pk=connection.pk).exclude(status=Status.DISCONNECTING)
    if not standing.exists():
        raise NotFound("There is no such connection.")


def _adopt_account(connection: Connection, tried: Tried) -> None:
    checked = tried.checked
    if checked.label and connection.name == connection.account_label:
        connection.name = checked.label
    connection.account_subject = checked.subject or connection.account_subject
    connection.account_label = checked.label or connection.account_label
    if tried.token:
        connection.scopes_granted = _granted(tried, connection.scopes_requested)
    connection.save(update_fields=["name", "account_subject", "account_label", "scopes_granted"])


def _record(
    action: str, connection: Connection, entry: CatalogEntry, values: dict[str, str], tried: Tried, *, actor: Actor
) -> None:
    record(
        action=action,
        origin=actor.origin,
        team_id=connection.team_id,
        target=target_of(connection),
        token_fp=fingerprint(main_secret(entry, values)),
        account=connection.account_label,
        checked=tried.checked.was_made or tried.token is not None,
    )
