"""Authenticating requests with a connection: by headers, query, path or signature. No other module does this."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.connections.errors import ForeignHost, ReauthorizationRequired
from apps.connections.messages import reason_message
from apps.connections.models import Connection, Credential, TokenSet
from apps.connections.services.client_credentials import own_client
from apps.connections.services.connection_params import provider_of
from apps.connections.services.stored_key import fields_in, stored_fields
from apps.integrations.catalog.entries import entry_for
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.keys import api_hosts, key_access, signed_access
from apps.integrations.models import Integration
from apps.integrations.oauth_apps.services import client_credentials
from apps.oauth.provider import ProviderConfig
from apps.oauth.signing import Credentials, token_credentials

Kind = Integration.Kind
_NO_FURTHER_KEY = gettext_noop(
    "{name} requires a further key, which has to be entered for its present addresses. An owner or "
    "admin can do that in Custom APIs."
)
_NO_TOKEN = gettext_noop("This connection has no token any more. Connect the service again.")


def own_hosts(connection: Connection) -> frozenset[str]:
    """The hosts of the service's API, with port, in lower case."""
    hosts = api_hosts(entry_for(connection.integration), params=connection.params, oauth_app=connection.oauth_app)
    return frozenset(host.lower() for host in hosts)


def require_own_host(connection: Connection, url: str, *, hosts: frozenset[str]) -> None:
    """Raises ForeignHost unless the URL is at one of the `own_hosts`."""
    if urlsplit(url).netloc.lower() not in hosts:
        raise ForeignHost(
            gettext_noop("This address does not belong to %(service)s, so the request is not sent.")
            % {"service": connection.integration.name}
        )


@dataclass(frozen=True)
class Rows:
    """A connection with its token set and credential, if they were read already."""

    connection: Connection
    token_set: TokenSet | None = None
    credential: Credential | None = None

    @cached_property
    def provider(self) -> ProviderConfig:
        """The provider configuration. Raises what `provider_of` raises."""
        return provider_of(self.connection)

    def fields(self) -> dict[str, str]:
        """The values that the person entered."""
        if self.credential is None:
            return stored_fields(self.connection)
        return fields_in(self.credential, self.connection.integration)

    def tokens(self) -> TokenSet:
        """The token set. Raises ReauthorizationRequired without one."""
        row = self.token_set or TokenSet.objects.filter(connection=self.connection).first()
        if row is None:
            raise ReauthorizationRequired(_NO_TOKEN)
        return row

    @cached_property
    def token(self) -> str:
        """The stored access token, even if it has expired. Raises ReauthorizationRequired without one."""
        sealed = self.tokens().access_token
        if sealed is None:
            raise ReauthorizationRequired(_NO_TOKEN)
        return sealed.reveal()


@sensitive_variables()
def access_in(rows: Rows) -> Credentials:
    """What authenticates this connection's requests, by its kind. It does not refresh the token (see `refresh.py`)."""
    return _BY_KIND[rows.connection.integration.kind](rows)


def _key(rows: Rows) -> Credentials:
    entry = entry_for(rows.connection.integration)
    return key_access(entry, fields=rows.fields(), params=rows.connection.params)


def _bearer(rows: Rows) -> Credentials:
    _require_same_client(rows)
    credentials = client_credentials(rows.connection.oauth_app, with_secret=rows.provider.api_wants_client_secret)
    if rows.provider.api_wants_further_key and credentials.further_key is None:
        raise IntegrationMisconfigured(_NO_FURTHER_KEY.format(name=rows.connection.integration.name))
    return token_credentials(rows.provider, token=rows.token, credentials=credentials)


def _require_same_client(rows: Rows) -> None:
    """A team may change the addresses of its own API: a token issued for earlier ones is not sent to these."""
    oauth_app, custom = rows.connection.oauth_app, rows.connection.integration.base_url_fingerprint
    if not custom or oauth_app is None:
        return
    if oauth_app.base_url_fingerprint != custom or rows.tokens().client_key != oauth_app.client_key:
        raise ReauthorizationRequired(reason_message("oauth_app_changed", rows.connection.integration.name))


def _own_client(rows: Rows) -> Credentials:
    own = own_client(rows.fields())
    if rows.provider.api_wants_further_key and own.further_key is None:
        raise ReauthorizationRequired(
            gettext_noop("%(service)s now requires a further key. Replace the key.")
            % {"service": rows.connection.integration.name}
        )
    return token_credentials(rows.provider, token=rows.token, credentials=own)


def _signed(rows: Rows) -> Credentials:
    kept = rows.tokens().kept_secrets
    if kept is None:
        raise ReauthorizationRequired(gettext_noop("This connection has no token secret any more. Reconnect it."))
    secret = str(kept.reveal_json()["kept"]["oauth_token_secret"])
    return signed_access(
        entry_for(rows.connection.integration),
        oauth_app=rows.connection.oauth_app,
        consumer=client_credentials(rows.connection.oauth_app),
        params=rows.connection.params,
        token=rows.token,
        token_secret=secret,
    )


_BY_KIND: dict[str, Callable[[Rows], Credentials]] = {
    Kind.OAUTH2: _bearer,
    Kind.CLIENT_CREDENTIALS: _own_client,
    Kind.OAUTH1: _signed,
    Kind.API_KEY: _key,
    Kind.BASIC: _key,
    Kind.NONE: _key,
}
