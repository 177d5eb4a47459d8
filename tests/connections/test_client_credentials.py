"""Connections with a client of their own: a token obtained, renewed under the lease, and fenced, without consent."""

import secrets
from datetime import timedelta
from typing import Any

import pytest

from apps.connections.errors import KeyNotChecked, KeyRefused, ReauthorizationRequired
from apps.connections.models import Connection, Credential, Status, TokenSet
from apps.connections.services import schedule
from apps.connections.services.credentials import connect_with_key, replace_key
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.tokens import issue_token
from apps.integrations.models import Integration
from apps.oauth.signing import RequestParts
from apps.sql import Now
from tests.authserver import AuthServer, Gate, answers, reset
from tests.connections.signed import signed_request
from tests.fixtures.connections import Cast, Meanwhile, access_token, actions, expire, side_by_side, tokens_of

pytestmark = pytest.mark.django_db


def machine(server: AuthServer, cast: Cast, **fields: str) -> Connection:
    return connect_with_key(
        actor=cast.actor("member"),
        integration=Integration.objects.get(slug="machine"),
        fields={"client_id": server.client_id, "client_secret": server.client_secret} | fields,
        params={"origin": server.url},
    )


@pytest.fixture
def made(server: AuthServer, kinds: None, cast: Cast) -> Connection:
    return machine(server, cast)


def test_the_first_token_proves_the_client_and_names_the_account(made: Connection, server: AuthServer) -> None:
    (call,) = server.journal.token_calls
    assert call.form == {"grant_type": "client_credentials", "audience": f"{server.url}/api", "scope": "read"}
    row = tokens_of(made)
    assert row.refresh_token is None
    assert server.knows(access_token(made))
    assert row.next_refresh_at is not None
    assert row.expires_at is not None
    assert row.next_refresh_at < row.expires_at
    assert made.scopes_granted == ["read"]
    assert "api/me" in [call.path.strip("/") for call in server.journal.calls][-1]


def test_a_wrong_secret_is_refused_and_nothing_is_stored(server: AuthServer, kinds: None, cast: Cast) -> None:
    with pytest.raises(KeyRefused, match="invalid_client"):
        machine(server, cast, client_secret="wrong")
    assert not Connection.objects.exists()


def test_without_a_token_nothing_can_be_stored(server: AuthServer, kinds: None, cast: Cast) -> None:
    server.script(answers(503), answers(503))
    with pytest.raises(KeyNotChecked):
        machine(server, cast)
    assert not Credential.objects.exists()


def test_the_api_hands_out_a_token_and_renews_it_at_its_end(made: Connection, server: AuthServer, cast: Cast) -> None:
    first = issue_token(connection=made, actor=cast.actor("member")).access_token
    expire(made)
    second = issue_token(connection=made, actor=cast.actor("member"))
    assert second.access_token != first
    assert second.version == 2
    assert server.knows(second.access_token)


@pytest.mark.django_db(transaction=True)
def test_many_readers_at_expiry_make_one_token_call(made: Connection, server: AuthServer, cast: Cast) -> None:
    expire(made)
    results = side_by_side(*[lambda: issue_token(connection=made, actor=cast.actor("member")).access_token] * 8)
    assert [result.error for result in results] == [None] * 8
    assert len({result.value for result in results}) == 1
    assert len(server.journal.token_calls) == 2


def test_the_schedule_renews_it_ahead_of_time(made: Connection, server: AuthServer) -> None:
    TokenSet.objects.update(next_refresh_at=Now() - timedelta(seconds=1))
    (due,) = schedule.claim_due()
    schedule.refresh_batch([due])
    assert tokens_of(made).version == 2
    assert actions("connection.refreshed") == ["connection.refreshed"]


def test_a_lost_answer_is_harmless_and_requested_again(made: Connection, server: AuthServer, cast: Cast) -> None:
    server.script(reset())
    expire(made)
    with pytest.raises(Exception, match="does not issue a new token"):
        issue_token(connection=made, actor=cast.actor("member"))
    TokenSet.objects.update(next_refresh_at=Now())
    assert server.knows(issue_token(connection=made, actor=cast.actor("member")).access_token)


def test_a_refused_client_asks_its_person_for_another_at_once(made: Connection, server: AuthServer, cast: Cast) -> None:
    server.client_secret = "changed-" + secrets.token_hex(8)
    with pytest.raises(ReauthorizationRequired, match="key was rejected"):
        refresh_now(connection=made, actor=cast.actor("member"))
    made.refresh_from_db()
    assert (made.status, made.status_reason) == (Status.NEEDS_ATTENTION, "key_refused")
    assert tokens_of(made).next_refresh_at is None
    actor = cast.actor("member")
    replaced = replace_key(actor=actor, connection=made, fields={"client_secret": server.client_secret})
    assert replaced.status == Status.ACTIVE
    assert server.knows(access_token(made))
    assert tokens_of(made).next_refresh_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_refresh_overtaken_by_a_replacement_is_discarded(made: Connection, server: AuthServer, cast: Cast) -> None:
    server.answer_gate = gate = Gate()
    expire(made)
    slow = Meanwhile(lambda: refresh_now(connection=made, actor=cast.actor("member")))
    assert gate.arrived.wait(10)
    server.answer_gate = None
    replace_key(actor=cast.actor("member"), connection=made, fields={"client_secret": server.client_secret})
    kept = access_token(made)
    gate.open()
    assert slow.result().error is None
    assert access_token(made) == kept
    assert "connection.refresh_fenced" in actions()


def test_disconnecting_says_that_the_client_goes_on_working(made: Connection, cast: Cast) -> None:
    done = disconnect(actor=cast.actor("member"), connection=made)
    assert done.revocation == "unsupported"
    assert "client ID and secret still work" in done.sentence
    assert not Credential.objects.exists()
    assert not TokenSet.objects.exists()


def test_its_requests_carry_the_token(made: Connection, server: AuthServer) -> None:
    signed = signed_request(made, RequestParts("GET", f"{server.url}/api/me"))
    assert signed.headers["Authorization"] == f"Bearer {access_token(made)}"
    assert signed.headers["X-Version"] == "7"


def test_a_grant_may_have_a_name_of_its_own(server: AuthServer, kinds: None, cast: Cast, monkeypatch: Any) -> None:
    from dataclasses import replace

    from apps.connections.services import client_credentials
    from apps.integrations.catalog.provider_config import provider_config

    def renamed(*given: Any, **more: Any) -> Any:
        return replace(provider_config(*given, **more), client_grant_type="account_credentials")

    monkeypatch.setattr(client_credentials, "provider_config", renamed)
    with pytest.raises(KeyRefused):
        machine(server, cast)
    assert server.arrivals == ["account_credentials"]
