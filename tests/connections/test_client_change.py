"""An OAuth app that becomes another client: its connections say so, and no token is shown to the new one."""

from typing import Any

import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.errors import CallbackRejected, ReauthorizationRequired
from apps.connections.models import AuthorizationAttempt, Connection, TokenSet
from apps.connections.services import authorize, schedule
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.tokens import issue_token
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.services import save_oauth_app
from tests.authserver import AuthServer, Gate
from tests.factories import client_for
from tests.fixtures.connections import (
    SYSTEM,
    Cast,
    ConnectFlow,
    Meanwhile,
    access_token,
    actions,
    expire,
    make_due,
    oauth_app,
    tokens_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def change(**values: Any) -> OAuthApp:
    app = oauth_app()
    kept = {"client_id": app.client_id, "params": app.params}
    return save_oauth_app(origin=SYSTEM, integration=app.integration, **kept | values)


def state_of(connection: Connection) -> tuple[str, str]:
    connection.refresh_from_db()
    return connection.status, connection.status_reason


def test_another_client_id_turns_its_connections_red_at_once(connection: Connection, cast: Cast) -> None:
    change(client_id="another", client_secret="s")
    assert state_of(connection) == ("needs_attention", "oauth_app_changed")
    assert AuditEvent.objects.get(action="connection.needs_attention").detail == {"reason": "oauth_app_changed"}
    html = client_for(cast.member).get(reverse("connections:list")).content.decode()
    assert "The OAuth app of Sandbox was replaced, or its addresses were changed" in html
    assert "Reconnect" in html


def test_access_that_still_lives_is_used_up(connection: Connection, cast: Cast) -> None:
    change(client_id="another", client_secret="s")
    assert issue_token(connection=connection, actor=cast.actor("member")).access_token == access_token(connection)


def test_another_secret_changes_nothing_for_connections(connection: Connection, server: AuthServer) -> None:
    change(client_secret="another")
    assert state_of(connection) == ("active", "")
    change(client_secret=server.client_secret, scopes_allowed=["profile"], overrides={"pkce": True})
    assert state_of(connection) == ("active", "")


def test_the_same_id_at_another_address_is_another_client(connection: Connection) -> None:
    change(params={"origin": "https://elsewhere.example"}, client_secret="s")
    assert state_of(connection) == ("needs_attention", "oauth_app_changed")


def test_no_token_is_sent_with_another_clients_credentials(
    connection: Connection, server: AuthServer, cast: Cast
) -> None:
    """Even if the connection was not marked: the process that changed the app may have died right after."""
    OAuthApp.objects.update(client_id="another")
    expire(connection)
    before = len(server.journal.calls)
    with pytest.raises(ReauthorizationRequired, match="OAuth app of Sandbox was replaced"):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert len(server.journal.calls) == before
    assert server.arrivals == ["authorization_code"]
    assert state_of(connection) == ("needs_attention", "oauth_app_changed")
    row = tokens_of(connection)
    assert (row.lease_token, row.next_refresh_at) == (None, None)
    make_due(connection)
    schedule.refresh_batch(schedule.claim_due())
    assert server.arrivals == ["authorization_code"]


def test_a_refresh_under_way_keeps_its_tokens_and_the_connection_stays_red(
    connection: Connection, server: AuthServer, cast: Cast
) -> None:
    expire(connection)
    server.answer_gate = Gate()
    going = Meanwhile(lambda: refresh_now(connection=connection, actor=cast.actor("member")))
    assert server.answer_gate.arrived.wait(20)
    change(client_id="another", client_secret="s")
    server.answer_gate.open()
    going.result()
    assert tokens_of(connection).version == 2
    assert state_of(connection) == ("needs_attention", "oauth_app_changed")
    assert tokens_of(connection).client_key != oauth_app().client_key


def test_the_earlier_id_entered_again_heals_what_belongs_to_it(
    connection: Connection, server: AuthServer, cast: Cast
) -> None:
    change(client_id="typo", client_secret="s")
    change(client_id=server.client_id, client_secret=server.client_secret)
    assert state_of(connection) == ("active", "")
    assert actions("connection.recovered") == ["connection.recovered"]
    assert len(schedule.claim_due()) == 1
    assert refresh_now(connection=connection, actor=cast.actor("member")).status == "active"


def test_reconnecting_gives_the_new_client_access(
    connection: Connection, connect_flow: ConnectFlow, server: AuthServer, cast: Cast
) -> None:
    server.client_id = "another"
    change(client_id="another", client_secret=server.client_secret)
    actor = cast.actor("member")
    flow = connect_flow.begin(actor, connection=connection)
    connect_flow.complete(flow, connect_flow.answer(flow), actor=actor)
    assert state_of(connection) == ("active", "")
    assert tokens_of(connection).client_key == oauth_app().client_key
    expire(connection)
    assert refresh_now(connection=connection, actor=actor).status == "active"


@pytest.mark.parametrize("is_marked", [True, False], ids=["marked", "before they are marked"])
def test_a_code_for_an_earlier_client_is_not_exchanged_and_says_why(
    connect_flow: ConnectFlow, server: AuthServer, cast: Cast, is_marked: bool
) -> None:
    actor = cast.actor("member")
    flow = connect_flow.begin(actor)
    if is_marked:
        change(client_id="another", client_secret="s")
    else:
        OAuthApp.objects.update(client_id="another")
    with pytest.raises(CallbackRejected, match="An admin changed the OAuth app of Sandbox while you were signing in"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=actor)
    attempt = AuthorizationAttempt.objects.get(pk=flow.attempt.pk)
    assert attempt.status == "failed"
    assert "An admin changed the OAuth app" in attempt.error_message
    assert server.arrivals == []
    assert not Connection.objects.exists()


def test_a_grant_of_a_client_that_changed_during_the_exchange_is_revoked(
    connect_flow: ConnectFlow, server: AuthServer, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = cast.actor("member")
    flow = connect_flow.begin(actor)
    exchanged = authorize.grant_of

    def changed_meanwhile(*args: Any, **kwargs: Any) -> Any:
        grant = exchanged(*args, **kwargs)
        OAuthApp.objects.update(client_id="another")
        return grant

    monkeypatch.setattr(authorize, "grant_of", changed_meanwhile)
    with pytest.raises(CallbackRejected, match="An admin changed the OAuth app"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=actor)
    assert [family.revoked for family in server.grants.families] == [True]
    assert not Connection.objects.exists()


def test_disconnecting_says_that_the_earlier_apps_grant_is_still_valid(
    connection: Connection, server: AuthServer, cast: Cast
) -> None:
    change(client_id="another", client_secret="s")
    done = disconnect(actor=cast.actor("member"), connection=Connection.objects.with_details().get(pk=connection.pk))
    assert (done.revocation, "earlier OAuth app" in done.sentence) == ("unsupported", True)
    assert server.journal.revoked == []
    assert not TokenSet.objects.exists()


def test_only_the_connections_of_that_app_are_marked(
    connection: Connection, connect_flow: ConnectFlow, server: AuthServer, cast: Cast
) -> None:
    app = oauth_app()
    save_oauth_app(
        origin=SYSTEM,
        integration=app.integration,
        team=cast.stranger.team,
        client_id=server.client_id,
        client_secret=server.client_secret,
        params=app.params,
    )
    theirs = connect_flow.connect(cast.actor("stranger"), subject="bob")
    save_oauth_app(
        origin=SYSTEM,
        integration=app.integration,
        client_id="another",
        client_secret="s",
        params=app.params,
    )
    assert state_of(theirs) == ("active", "")
    assert state_of(connection) == ("needs_attention", "oauth_app_changed")
