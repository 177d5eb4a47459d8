"""What a reconnect ends, changes and reports: the earlier tokens, the permissions, the account's name."""

import json
from dataclasses import replace
from typing import Any, Literal

import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import connection_params
from apps.connections.services.account_mismatch import resolve_account_mismatch
from apps.integrations.models import OAuthApp
from apps.notifications import webhooks
from apps.notifications.models import Delivery, Event
from tests.authserver import AuthServer, altered
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow, access_token, refresh_token

pytestmark = pytest.mark.django_db


def revocation(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Change what the sandbox's data say about its revocation; `changes` empty: it has none."""
    original = connection_params.provider_config

    def changed(*args: Any, **kwargs: Any) -> Any:
        provider = original(*args, **kwargs)
        assert provider.revocation is not None
        return replace(provider, revocation=replace(provider.revocation, **changes) if changes else None)

    monkeypatch.setattr(connection_params, "provider_config", changed)


def reconnect(connect_flow: ConnectFlow, cast: Cast, connection: Connection | None, **wanted: Any) -> Any:
    actor = cast.actor("member")
    flow = connect_flow.begin(actor, connection=connection, scopes=wanted.get("scopes"))
    return connect_flow.complete(flow, connect_flow.answer(flow, subject=wanted.get("subject", "ada")), actor=actor)


@pytest.mark.parametrize("reconnects", [True, False], ids=["reconnect", "connected again"])
def test_the_earlier_tokens_of_an_account_are_revoked_where_that_ends_them_only(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection, server: AuthServer, reconnects: bool
) -> None:
    attempt = reconnect(connect_flow, cast, connection if reconnects else None)
    assert attempt.connection_id == connection.pk
    assert attempt.result["ended"] == "The earlier tokens were revoked at Sandbox."
    assert [family.revoked for family in server.grants.families] == [True, False]
    assert server.knows(access_token(connection))
    event = AuditEvent.objects.get(action="connection.earlier_grant")
    assert (event.detail["revocation"], event.target_id) == ("revoked", str(connection.pk))


@pytest.mark.parametrize("ends", ["grant", "installation", "unknown"])
def test_the_earlier_tokens_are_kept_where_revocation_could_end_the_new_ones(
    connect_flow: ConnectFlow,
    cast: Cast,
    connection: Connection,
    server: AuthServer,
    monkeypatch: pytest.MonkeyPatch,
    ends: Literal["grant", "installation", "unknown"],
) -> None:
    revocation(monkeypatch, ends=ends)
    attempt = reconnect(connect_flow, cast, connection)
    assert server.journal.revoked == []
    expected = "The earlier tokens were not revoked, since Sandbox may end the new ones with them."
    assert attempt.result["ended"] == expected


def test_a_service_without_revocation_keeps_the_earlier_tokens_and_the_message_says_so(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    revocation(monkeypatch)
    attempt = reconnect(connect_flow, cast, connection)
    expected = "Sandbox does not support revocation, so the earlier tokens may still be valid there."
    assert attempt.result["ended"] == expected


def test_a_refresh_token_that_the_connection_still_uses_is_not_revoked(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection, server: AuthServer
) -> None:
    kept = refresh_token(connection)
    server.script(altered(refresh_token=None))
    attempt = reconnect(connect_flow, cast, connection)
    assert refresh_token(connection) == kept
    assert (server.journal.revoked, "ended" in attempt.result) == ([], False)


def test_earlier_tokens_are_not_sent_with_another_client(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection, server: AuthServer
) -> None:
    server.client_id = "another"
    OAuthApp.objects.update(client_id="another")
    attempt = reconnect(connect_flow, cast, connection, subject="grace")
    decided = resolve_account_mismatch(actor=cast.actor("member"), attempt=attempt, decision="replace")
    assert server.journal.revoked == []
    assert "could not be revoked from here" in decided.result["ended"]


def test_only_what_was_revoked_is_reported(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    revocation(monkeypatch, ends="token", tokens=("access_token",))
    attempt = reconnect(connect_flow, cast, connection)
    assert attempt.result["ended"] == "The earlier access token was revoked at Sandbox."


def test_connecting_a_connected_account_again_says_so_and_what_changed(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection
) -> None:
    url = "https://hooks.example.com/"
    webhooks.create_webhook(actor=cast.actor("admin"), url=url, events=Event.values)
    Connection.objects.update(account_label="old@sandbox.example", scopes_granted=["profile"])
    attempt = reconnect(connect_flow, cast, None)
    assert attempt.result["connected_already"] is True
    changes = {
        "scopes_added": ["messages:read"],
        "account": {"before": "old@sandbox.example", "after": "ada@sandbox.example"},
    }
    assert attempt.result["changes"] == changes
    assert [(one.event, json.loads(one.body)["data"]["changes"]) for one in Delivery.objects.all()] == [
        ("connection.reconnected", changes)
    ]
    page = client_for(cast.member).get(reverse("connections:attempt", args=[attempt.pk])).content.decode()
    assert "This account was connected already: its tokens were replaced. Permissions added: messages:read." in page
    assert "The account is now ada@sandbox.example; it was old@sandbox.example." in page


def test_two_connections_of_one_account_have_different_names(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection
) -> None:
    reconnect(connect_flow, cast, None, scopes=["profile"])
    reconnect(connect_flow, cast, None, scopes=["messages:read"])
    names = sorted(Connection.objects.values_list("name", flat=True))
    assert names == ["ada@sandbox.example", "ada@sandbox.example (2)", "ada@sandbox.example (3)"]


def test_an_account_stored_by_its_address_is_recognized_by_its_stable_id(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection
) -> None:
    Connection.objects.update(account_subject="ada@sandbox.example")
    attempt = reconnect(connect_flow, cast, connection)
    assert attempt.status == AuthorizationAttempt.Status.SUCCEEDED
    assert Connection.objects.get().account_subject == "ada"
