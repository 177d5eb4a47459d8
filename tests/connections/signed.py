"""A request as a call through the connection sends it, for tests that send it themselves."""

from apps.connections.models import Connection
from apps.connections.services.signing import Rows, access_in, own_hosts, require_own_host
from apps.oauth.signing import RequestParts


def signed_request(connection: Connection, parts: RequestParts) -> RequestParts:
    """With the service's credentials; the token is not refreshed. Raises ForeignHost for another's address."""
    require_own_host(connection, parts.url, hosts=own_hosts(connection))
    return access_in(Rows(connection)).sign(parts)
