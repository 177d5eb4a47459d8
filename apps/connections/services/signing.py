"""The one place where a connection's access is put into a request: by headers, a query, a path or a signature."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.views.decorators.debug import sensitive_variables

from apps.connections.errors import ForeignHost, ReauthorizationRequired
from apps.connections.models import Connection, TokenSet
from apps.connections.services.credentials import stored_fields
from apps.connections.services.own_client import own_client
from apps.connections.services.provider import provider_of
from apps.integrations.keys import api_hosts, facts_about, key_access, signed_access
from apps.integrations.models import Integration
from apps.integrations.services import client_credentials
from apps.oauth.signing import Access, RequestParts, token_access

Kind = Integration.Kind


@sensitive_variables()
def apply_credentials(connection: Connection, parts: RequestParts) -> RequestParts:
    """`parts` with what opens the service's API for this connection. An access token is taken as it stands: make it
    fresh before (`refresh.ensure_fresh`).

    Raises ForeignHost for an address that is none of the service's: no secret ever goes there.
    """
    require_own_host(connection, parts.url)
    return access_of(connection).sign(parts)


def require_own_host(connection: Connection, url: str) -> None:
    """Raises ForeignHost unless the address is the service's API."""
    hosts = api_hosts(facts_about(connection.integration), params=connection.params, oauth_app=connection.oauth_app)
    if urlsplit(url).netloc.lower() not in {host.lower() for host in hosts}:
        raise ForeignHost(f"This address does not belong to {connection.integration.name}, so its access stays here.")


@sensitive_variables()
def access_of(connection: Connection) -> Access:
    """What signs the requests of this connection, by its kind."""
    return _BY_KIND[connection.integration.kind](connection)


def _key(connection: Connection) -> Access:
    entry = facts_about(connection.integration)
    return key_access(entry, fields=stored_fields(connection), params=connection.params)


def _bearer(connection: Connection) -> Access:
    credentials = client_credentials(connection.oauth_app)
    return token_access(provider_of(connection), token=_token(connection), credentials=credentials)


def _own_client(connection: Connection) -> Access:
    credentials = own_client(stored_fields(connection))
    return token_access(provider_of(connection), token=_token(connection), credentials=credentials)


def _signed(connection: Connection) -> Access:
    kept = _row(connection).kept_secrets
    if kept is None:
        raise ReauthorizationRequired("The secret of this connection's token is gone. Reconnect it.")
    secret = str(kept.reveal_json()["kept"]["oauth_token_secret"])
    return signed_access(
        facts_about(connection.integration),
        oauth_app=connection.oauth_app,
        consumer=client_credentials(connection.oauth_app),
        params=connection.params,
        token=_token(connection),
        token_secret=secret,
    )


def _row(connection: Connection) -> TokenSet:
    row = TokenSet.objects.filter(connection=connection).select_related("team").first()
    if row is None:
        raise ReauthorizationRequired("This connection has no token any more. Connect the service again.")
    return row


def _token(connection: Connection) -> str:
    sealed = _row(connection).access_token
    if sealed is None:
        raise ReauthorizationRequired("This connection has no token any more. Connect the service again.")
    return sealed.reveal()


_BY_KIND: dict[str, Callable[[Connection], Access]] = {
    Kind.OAUTH2: _bearer,
    Kind.CLIENT_CREDENTIALS: _own_client,
    Kind.OAUTH1: _signed,
    Kind.API_KEY: _key,
    Kind.BASIC: _key,
}
