"""The provider configuration of a connection, with its parameter values filled in, and connections whose values no
longer fit what their service requires.

A value is checked before each use (`catalog.placeholders`), so a process that dies before `mark_unfit_connections` is
done delays only when people learn of it.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.connections.errors import IntegrationNotSetUp
from apps.connections.models import Connection, TokenSet
from apps.connections.policy.accounts import Account
from apps.connections.services import client_change
from apps.connections.services.status import mark_needs_attention, mark_reconnected
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.placeholders import missing_or_invalid
from apps.integrations.catalog.provider_config import example_config, provider_config
from apps.integrations.catalog.schema import Param, ParamSource
from apps.integrations.models import KINDS_WITH_OAUTH_APP, Integration
from apps.oauth.provider import ProviderConfig
from apps.sql import Now

REASON = "values_missing"
TENANT_SOURCES: tuple[ParamSource, ...] = ("user", "callback", "post_connect")


def provider_of(connection: Connection) -> ProviderConfig:
    """The provider configuration with the connection's and its OAuth app's parameter values filled in.

    Raises IntegrationNotSetUp without an OAuth app, IntegrationMisconfigured if a value is missing or invalid.
    """
    if connection.oauth_app is None and connection.integration.kind in KINDS_WITH_OAUTH_APP:
        raise IntegrationNotSetUp(
            gettext_noop("%(service)s has no OAuth app any more. An operator can add one.")
            % {"service": connection.integration.name}
        )
    return provider_config(connection.integration, oauth_app=connection.oauth_app, params=connection.params)


def provider_for_scope_names(connection: Connection) -> ProviderConfig:
    """As `provider_of`, with example values for missing parameters: to compare scope names, never to send a request."""
    return example_config(connection.integration, oauth_app=connection.oauth_app, params=connection.params)


def account_of(connection: Connection) -> Account:
    """The connection's account, for a comparison with another of the same integration."""
    tenant = tenant_in(connection.integration, connection.params)
    return Account(connection.account_subject, connection.account_label, tenant)


def tenant_in(integration: Integration, params: Mapping[str, str]) -> dict[str, str]:
    """The values of `params` that choose a tenant: those that the person entered or chose, or the callback reports.

    Values of token responses are left out, since a service may change them (the host of an account's API).
    """
    entry = entry_of(integration)
    if entry is None:
        return {}
    names = {param.name for source in TENANT_SOURCES for param in entry.params_from(source)}
    return {name: str(value) for name, value in params.items() if name in names}


def required_params(connection: Connection) -> list[Param]:
    """The parameters that the person has to enter before the connection can be used again."""
    entry = entry_of(connection.integration)
    return missing_or_invalid(entry.params_from("user"), connection.params) if entry else []


def mark_unfit_connections(integration: Integration, origin: Origin) -> None:
    """Mark each connection that lacks a value as needing attention, and recover each that has all values again."""
    connections = Connection.objects.filter(integration=integration)
    client_change.for_each_locked(connections, lambda connection: _settle(connection, origin))


def _settle(connection: Connection, origin: Origin) -> None:
    tokens = TokenSet.objects.filter(connection=connection)
    if required_params(connection):
        mark_needs_attention(connection, reason=REASON, origin=origin)
        tokens.update(next_refresh_at=None)
    elif connection.status_reason == REASON:
        if reason := client_change.reason_of(connection):
            mark_needs_attention(connection, reason=reason, origin=origin)
        else:
            mark_reconnected(connection, origin=origin)
            client_change.refreshable(connection).update(next_refresh_at=Now())
