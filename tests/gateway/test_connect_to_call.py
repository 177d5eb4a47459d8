"""From a connect session with sharing to a call through its connection, with one key of each kind."""

import pytest

from apps.connections.models import Connection
from apps.connections.services.connect_sessions import connected, consume
from apps.connections.services.connect_sessions import session_of_link as session_of
from apps.teams.models import ApiKey
from tests.connections.test_api import caller
from tests.fixtures.connections import ORIGIN, Cast, access_token
from tests.gateway.test_proxy import api, body_of, connection, proxied
from tests.servers import HttpServer

__all__ = ["api", "connection"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("who", "kind"),
    [("admin", ApiKey.Kind.SERVICE), ("admin", ApiKey.Kind.PERSONAL), ("member", ApiKey.Kind.PERSONAL)],
)
def test_the_key_that_created_the_session_lists_reads_and_calls(
    who: str, kind: ApiKey.Kind, api: HttpServer, connection: Connection, cast: Cast
) -> None:
    key = caller(getattr(cast, who), kind)
    body = {"integration": "sandbox", "member": str(cast.member.user_id), "sharing": {"level": "use"}}
    created = key.post("/api/v1/connect-sessions/", body).json()
    session = session_of(created["url"].rstrip("/").rpartition("/")[2])
    assert session is not None
    consume(actor=cast.actor("member"), session=session, shares=True)
    session.refresh_from_db()
    connected(session, connection, origin=ORIGIN)
    found = key.get(f"/api/v1/connect-sessions/{created['id']}/").json()
    assert found["status"] == "connected"
    assert [row["id"] for row in key.get().json()["results"]] == [found["connection"]]
    assert key.get(f"/api/v1/connections/{found['connection']}/").status_code == 200
    api.will_answer(200, b"{}")
    response = proxied(key, connection)
    body_of(response)
    assert response.status_code == 200
    assert api.received[-1].headers["Authorization"] == f"Bearer {access_token(connection)}"
