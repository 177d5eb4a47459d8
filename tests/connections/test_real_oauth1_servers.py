"""OAuth 1.0a at Authlib's server: connected, denied, another account, and checked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from apps import egress
from apps.connections.errors import AccessDeclined, WrongKind
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import authorize
from apps.connections.services.refresh import refresh_now
from apps.egress import destination
from apps.integrations.custom_apis.doctor.check import check_configuration
from apps.integrations.custom_apis.schema import Authentication
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.models import CustomApi, Integration
from apps.oauth.signing import RequestParts
from tests.connections.custom import Walker
from tests.connections.signed import signed_request
from tests.fixtures.connections import ORIGIN, SESSION, Cast, access_token
from tests.realservers.authlib1 import Authlib1, authlib1_server

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]


@pytest.fixture
def server(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authlib1]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the server's, which runs in this process without TLS
    with authlib1_server() as running:
        egress.configure(allowed_hosts=[urlsplit(running.url).netloc])
        yield running


def described(server: Authlib1, cast: Cast, *, secret: str = "", key: str = "") -> CustomApi:
    admin = cast.actor("admin")
    api = create_custom_api(actor=admin, name="Ledger", base_url=f"{server.url}/api")
    settings = Authentication(
        type="oauth1",
        request_token_url=f"{server.url}/request",
        authorization_url=f"{server.url}/authorize",
        token_url=f"{server.url}/access",
        account_url=f"{server.url}/api/me",
    )
    return save_authentication(
        actor=admin,
        api=api,
        authentication=settings,
        client_id=key or server.client.key,
        client_secret=secret or server.client.secret,
    )


def consented(person: str) -> Any:
    """What the browser of a person is sent back to."""

    def consent(url: str) -> str:
        answer = requests.get(f"{url}&person={person}", allow_redirects=False, timeout=60)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    return consent


def test_a_connection_is_made_and_its_requests_are_accepted(server: Authlib1, cast: Cast) -> None:
    walker = Walker(described(server, cast), cast.actor("member"), consented("ada"))
    connection = walker.connect()
    assert (connection.account_subject, connection.name) == ("ada", "ada@authlib1.example")
    assert access_token(connection) in server.tokens
    stored = Connection.objects.with_details().get(pk=connection.pk)
    parts = signed_request(stored, RequestParts("GET", f"{server.url}/api/me?a=1%20x", {}))
    with egress.session(deadline=20) as session:
        assert session.get(parts.url, headers=dict(parts.headers)).json()["id"] == "ada"
    with pytest.raises(WrongKind):
        refresh_now(connection=stored, actor=cast.actor("member"))


def test_a_denial_is_reported_as_one(server: Authlib1, cast: Cast) -> None:
    walker = Walker(described(server, cast), cast.actor("member"), consented(""))
    with pytest.raises(AccessDeclined):
        walker.connect()
    assert AuthorizationAttempt.objects.get().status == "failed"


def test_another_account_is_asked_about(server: Authlib1, cast: Cast) -> None:
    walker = Walker(described(server, cast), cast.actor("member"), consented("ada"))
    connection = walker.connect()
    flow = authorize.begin(
        actor=walker.actor,
        integration=Integration.objects.get(pk=connection.integration_id),
        scopes=[],
        params={},
        session_key=SESSION,
        in_popup=True,
        connection=connection,
    )
    parts = urlsplit(consented("bob")(flow.url))
    attempt = authorize.complete(
        path=parts.path, query_string=parts.query, user=walker.actor.user, session_key=SESSION, origin=ORIGIN
    )
    assert attempt.status == "undecided"
    connection.refresh_from_db()
    assert connection.account_subject == "ada"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [({}, "client_accepted"), ({"secret": "not-the-secret"}, "client_refused"), ({"key": "unknown"}, "client_refused")],
)
def test_the_check_is_right(server: Authlib1, cast: Cast, wrong: dict[str, str], expected: str) -> None:
    api = described(server, cast, **wrong)
    codes = {one.code: one.severity for one in check_configuration(actor=cast.actor("admin"), api=api).findings}
    assert codes[expected] == ("ok" if expected == "client_accepted" else "fault")
