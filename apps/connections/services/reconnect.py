"""What a reconnect requests: the scopes and parameters of before, and what the person adds or takes away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from apps.connections.models import Connection
from apps.connections.services.connection_params import required_params
from apps.integrations.catalog.entries import entry_for
from apps.integrations.catalog.offline_access import OFFLINE_SCOPES
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.offered_scopes import Offer, offer_of

_NO_VALUES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class ConnectRequest:
    """What to request, as `check_connect_request` takes it: `extra_scopes` are those that are not on offer."""

    scopes: Sequence[str]
    extra_scopes: Sequence[str]
    params: Mapping[str, str]


def reconnect_request(
    *,
    connection: Connection,
    oauth_app: OAuthApp | None,
    added_scopes: Sequence[str] = (),
    exact_scopes: Sequence[str] | None = None,
    values: Mapping[str, str] = _NO_VALUES,
) -> ConnectRequest:
    """The request for a reconnect through `oauth_app`; the caller still has to check it.

    Without `exact_scopes`, the scopes of before plus `added_scopes`; with them, nothing else, which is how a connection
    gets narrower. `values` are parameters by name, of which only those count that the connection lacks: a grant stays
    with the parameters that it was given for.
    """
    entry = entry_for(connection.integration)
    offer = offer_of(entry, oauth_app)
    params = _params(connection, values)
    if exact_scopes is not None:
        extra = [scope for scope in exact_scopes if scope not in offer.names and scope in connection.scopes_granted]
        return ConnectRequest([scope for scope in exact_scopes if scope not in extra], extra, params)
    # A scope that is no longer on offer cannot be requested again, unless it was granted and may still be named.
    before = [scope for scope in connection.scopes_requested if scope in offer.names]
    # A scope for refresh tokens that was added since: it permits nothing else.
    renewing = [scope for scope in entry.default_scopes if scope in OFFLINE_SCOPES and scope not in before]
    return ConnectRequest([*before, *renewing, *added_scopes], _granted_extra_scopes(connection, offer), params)


def _granted_extra_scopes(connection: Connection, offer: Offer) -> list[str]:
    granted = [scope for scope in connection.scopes_granted if scope in connection.scopes_requested]
    return [scope for scope in granted if scope not in offer.names and not offer.refusal([scope])]


def _params(connection: Connection, values: Mapping[str, str]) -> dict[str, str]:
    entry = entry_for(connection.integration)
    from_person = {param.name for param in entry.params_from("user")}
    current = {name: value for name, value in connection.params.items() if name in from_person}
    return current | {param.name: values.get(param.name, "") for param in required_params(connection)}
