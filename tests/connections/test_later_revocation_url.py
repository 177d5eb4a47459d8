"""A revocation URL that is added to a custom API later, at another host: nothing turns red, and no earlier token goes
there. Over real sockets: Authlib's server issues the tokens, and a server of somebody else records what it gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from apps import egress
from apps.connections.models import AuthorizationAttempt, Connection, Status, TokenSet
from apps.connections.services.account_mismatch import resolve_account_mismatch
from apps.connections.services.connection_params import provider_of
from apps.connections.services.credentials import connect_with_key, replace_key
from apps.connections.services.disconnect import Disconnected, disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.stale import discard_stale
from apps.egress import destination
from apps.integrations.custom_apis.schema import Authentication, authentication_from
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi, Integration
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.oauth.token_response import TokenResponse
from apps.teams.actor import Actor
from tests.authlibserver import AuthlibServer, authlib_server
from tests.connections.custom import Walker, describe
from tests.fixtures.connections import SYSTEM, Cast, access_token
from tests.servers import HttpServer, http_server

pytestmark = pytest.mark.django_db


@dataclass
class Scene:
    authlib: AuthlibServer
    elsewhere: HttpServer
    cast: Cast
    person: str = "ada"

    def walker(self, **fields: Any) -> Walker:
        client = self.authlib.client
        described = {"client_id": client.client_id, "client_secret": client.client_secret, "revocation_url": ""}
        api = describe(self.cast.actor("admin"), origin=self.authlib.url, **described | fields)
        client.redirect_uri = custom_api_redirect_uri(api.integration)
        return Walker(api, self.cast.actor("member"), self.consent)

    def consent(self, url: str) -> str:
        answer = requests.get(url, headers={"X-Person": self.person}, allow_redirects=False, timeout=30)
        return answer.headers["Location"]

    def add_url(self, api: CustomApi, url: str = "") -> None:
        """The admin enters a revocation URL, by default at the other server."""
        api = CustomApi.objects.get(pk=api.pk)
        added = {"revocation_url": url or f"{self.elsewhere.url}/revoke"}
        save_authentication(
            actor=self.cast.actor("admin"),
            api=api,
            authentication=authentication_from(api.authentication).with_values(added),
            client_secret=self.authlib.client.client_secret,
        )


@pytest.fixture
def scene(cast: Cast, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[Scene]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the server's, which runs in this process without TLS
    with authlib_server() as authlib, http_server() as elsewhere:
        elsewhere.will_answer(200, b"{}")
        egress.configure(allowed_hosts=[urlsplit(server.url).netloc for server in (authlib, elsewhere)])
        yield Scene(authlib, elsewhere, cast)


def current(connection: Connection) -> Connection:
    return Connection.objects.with_details().get(pk=connection.pk)


def ended(connection: Connection, actor: Actor) -> Disconnected:
    return disconnect(actor=actor, connection=current(connection))


@pytest.mark.django_db(transaction=True)
def test_connections_stay_green_and_a_disconnect_says_why_the_grant_was_not_revoked(scene: Scene) -> None:
    walker = scene.walker()
    connection = walker.connect()
    scene.add_url(walker.api)
    assert current(connection).status == "active"
    refresh_now(connection=current(connection), actor=walker.actor)
    last = access_token(connection)
    result = ended(connection, walker.actor)
    assert result.revocation == "unsupported"
    assert result.sentence == (
        "The grant was not revoked and is still valid: the revocation URL of Carrier Hub was entered after this "
        "account was connected, and it is at another host than the token URL, so no token was sent there. Revoke it "
        "at Carrier Hub."
    )
    assert scene.elsewhere.received == []
    assert scene.authlib.live(last) is not None


def test_at_the_host_of_the_token_url_the_grant_is_revoked(scene: Scene) -> None:
    walker = scene.walker()
    connection = walker.connect()
    scene.add_url(walker.api, f"{scene.authlib.url}/revoke")
    last = access_token(connection)
    assert ended(connection, walker.actor).revocation == "revoked"
    assert scene.authlib.live(last) is None


def test_once_the_person_reconnected_the_grant_is_revoked_there(scene: Scene) -> None:
    walker = scene.walker()
    connection = walker.connect()
    scene.add_url(walker.api)
    assert walker.connect().pk == connection.pk
    assert scene.elsewhere.received == []
    last = access_token(connection)
    assert ended(connection, walker.actor).revocation == "revoked"
    assert last in str([call.body for call in scene.elsewhere.received])


def test_a_url_that_returns_after_another_one_gets_no_earlier_token(scene: Scene) -> None:
    walker = scene.walker(revocation_url=f"{scene.elsewhere.url}/revoke")
    connection = walker.connect()
    scene.add_url(walker.api, f"{scene.authlib.url}/revoke")
    scene.add_url(walker.api)
    assert ended(connection, walker.actor).revocation == "unsupported"
    assert scene.elsewhere.received == []


def test_a_flow_that_was_started_before_counts_as_before(scene: Scene) -> None:
    walker = scene.walker()
    flow = walker.begin()
    scene.add_url(walker.api)
    attempt = walker.arrive(scene.consent(flow.url))
    assert attempt.connection is not None
    assert ended(attempt.connection, walker.actor).revocation == "unsupported"
    assert scene.elsewhere.received == []


def with_another_account(scene: Scene, walker: Walker) -> AuthorizationAttempt:
    """The person reconnects as somebody else, and is asked what to do."""
    connection, flow = walker.connect(), walker.begin()
    AuthorizationAttempt.objects.filter(pk=flow.attempt.pk).update(connection=connection)
    scene.add_url(walker.api)
    scene.person = "bob"
    attempt = walker.arrive(scene.consent(flow.url))
    assert attempt.status == "undecided"
    return attempt


def test_a_discarded_grant_of_before_does_not_go_there(scene: Scene) -> None:
    walker = scene.walker()
    attempt = with_another_account(scene, walker)
    resolve_account_mismatch(actor=walker.actor, attempt=attempt, decision="discard")
    assert scene.elsewhere.received == []


def test_nor_does_the_grant_that_another_accounts_replaces(scene: Scene) -> None:
    walker = scene.walker()
    attempt = with_another_account(scene, walker)
    decided = resolve_account_mismatch(actor=walker.actor, attempt=attempt, decision="replace")
    assert "revocation URL of Carrier Hub was entered after they were issued" in decided.result["ended"]
    assert scene.elsewhere.received == []


def test_nor_does_a_token_that_came_after_the_disconnect(scene: Scene) -> None:
    walker = scene.walker()
    connection = walker.connect()
    scene.add_url(walker.api)
    Connection.objects.filter(pk=connection.pk).update(status=Status.DISCONNECTING)
    row = TokenSet.objects.select_related("connection__integration", "connection__oauth_app").get()
    response = TokenResponse(access_token=access_token(connection))
    discard_stale(row, provider_of(row.connection), response, origin=SYSTEM)
    assert scene.elsewhere.received == []


def test_a_client_of_ones_own_is_entered_whole_before_it_goes_there(scene: Scene) -> None:
    admin, member, client = scene.cast.actor("admin"), scene.cast.actor("member"), scene.authlib.client
    api = create_custom_api(actor=admin, name="Jobs", base_url=f"{scene.authlib.url}/api")
    described = Authentication(type="oauth2_client_credentials", token_url=f"{scene.authlib.url}/token")
    save_authentication(actor=admin, api=api, authentication=described)
    fields = {"client_id": client.client_id, "client_secret": client.client_secret}
    jobs = Integration.objects.get(pk=api.pk)
    one, other = (
        connect_with_key(actor=member, integration=jobs, fields=fields, params={}, name=name) for name in ("a", "b")
    )
    scene.add_url(api)
    assert ended(one, member).revocation == "unsupported"
    with pytest.raises(InvalidInput):
        replace_key(actor=admin, connection=current(other), fields={"client_id": client.client_id})
    assert scene.elsewhere.received == []
    replace_key(actor=member, connection=current(other), fields=fields)
    assert ended(other, member).revocation == "revoked"
    assert scene.elsewhere.received != []
