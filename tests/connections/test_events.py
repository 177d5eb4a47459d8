"""What is reported to the team's webhooks about connections and about OAuth apps that are refused."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.connections.models import Connection, ConnectSession, Credential, Level, TokenSet
from apps.connections.services.connect_sessions import connected
from apps.connections.services.disconnect import disconnect
from apps.connections.services.expiry_events import emit_expiry_events
from apps.connections.services.refresh import refresh_now
from apps.connections.services.session_outcome import fail_sessions
from apps.connections.services.share import rename, share, unshare
from apps.connections.services.status import mark_needs_attention, mark_recovered, mark_verified
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.services import mark_oauth_app_broken
from apps.notifications import webhooks
from apps.notifications.models import Delivery, Event, Webhook
from apps.sql import Now
from apps.teams.actor import system_actor
from apps.teams.models import ApiKey
from apps.teams.services.members import remove_member
from tests.authserver import AuthServer
from tests.fixtures.connections import SYSTEM, Cast, ConnectFlow, access_token, oauth_app, refresh_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(cast: Cast) -> Webhook:
    url = "https://hooks.example.com/"
    return webhooks.create_webhook(actor=cast.actor("admin"), url=url, events=Event.values).webhook


@pytest.fixture
def connection(webhook: Webhook, connect_flow: ConnectFlow, cast: Cast) -> Connection:
    """By a flow, which is reported to the webhook."""
    return connect_flow.connect(cast.actor("member"))


def reported() -> list[tuple[str, dict[str, Any]]]:
    messages = Delivery.objects.order_by("created_at", "pk")
    return [(one.event, json.loads(one.body)["data"]) for one in messages]


def test_a_connection_is_reported_from_its_creation_to_its_end(
    webhook: Webhook, connect_flow: ConnectFlow, cast: Cast
) -> None:
    connection = connect_flow.connect(cast.actor("member"))
    secrets = [access_token(connection), refresh_token(connection)]
    mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM)
    mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM)
    mark_recovered(connection, origin=SYSTEM)
    disconnect(actor=cast.actor("member"), connection=connection)
    assert [event for event, _ in reported()] == [
        "connection.created",
        "connection.needs_attention",
        "connection.recovered",
        "connection.disconnected",
    ]
    assert {data["connection"] for _, data in reported()} == {str(connection.pk)}
    assert reported()[1][1]["reason"] == "reauthorization_required"
    assert reported()[3][1]["revocation"] == "revoked"
    assert not any(secret in str(reported()) for secret in secrets)


def test_a_refused_app_is_reported_once_to_each_team_that_depends_on_it(
    webhook: Webhook, connection: Connection, cast: Cast
) -> None:
    foreign = webhooks.create_webhook(
        actor=cast.actor("stranger"), url="https://hooks.example.com/", events=Event.values
    )
    for _ in range(2):
        mark_oauth_app_broken(oauth_app=oauth_app(), code="invalid_client")
    found = [one for one in reported() if one[0] == "integration.misconfigured"]
    assert found == [
        ("integration.misconfigured", {"team": str(cast.team.pk), "integration": "sandbox", "code": "invalid_client"})
    ]
    assert not Delivery.objects.filter(webhook=foreign.webhook).exists()


def test_events_have_the_status_and_the_account(webhook: Webhook, connection: Connection) -> None:
    mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM)
    mark_recovered(connection, origin=SYSTEM)
    red, recovered = [data for _, data in reported()][-2:]
    assert (red["status"], recovered["status"]) == ("needs_attention", "active")
    assert red["account"] == {"subject": connection.account_subject, "label": connection.account_label}


def test_a_renamed_and_a_shared_connection_are_events(webhook: Webhook, connection: Connection, cast: Cast) -> None:
    actor = cast.actor("member")
    before = connection.name
    rename(actor=actor, connection=connection, name="Deliveries")
    rename(actor=actor, connection=connection, name="Deliveries")
    share(actor=actor, connection=connection, everyone=Level.USE)
    unshare(actor=actor, connection=connection)
    events = [event for event in reported() if event[0] != "connection.created"]
    assert [event for event, _ in events] == ["connection.renamed", "connection.shared", "connection.shared"]
    assert (events[0][1]["before"], events[0][1]["name"]) == (before, "Deliveries")
    assert [data["everyone"] for _, data in events[1:]] == ["use", None]


def test_a_reconnect_is_one_event(webhook: Webhook, connect_flow: ConnectFlow, cast: Cast) -> None:
    connection = connect_flow.connect(cast.actor("member"))
    connect_flow.connect(cast.actor("member"))
    assert [event for event, _ in reported()] == ["connection.created", "connection.reconnected"]
    mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM)
    connect_flow.connect(cast.actor("member"))
    assert [event for event, _ in reported()][2:] == ["connection.needs_attention", "connection.recovered"]


def test_the_first_success_of_an_unverified_connection_is_one_event(
    webhook: Webhook, connection: Connection, cast: Cast
) -> None:
    TokenSet.objects.all().delete()
    Connection.objects.update(verified_at=None)
    before = Connection.objects.select_related("integration").get()
    mark_verified(before, origin=SYSTEM)
    mark_verified(before, origin=SYSTEM)  # a call that began before the first success
    mark_verified(Connection.objects.select_related("integration").get(), origin=SYSTEM)
    assert [event for event, _ in reported()] == ["connection.created", "connection.verified"]
    assert reported()[1][1]["status"] == "active"


def test_scopes_that_a_refresh_changed_are_one_event(
    webhook: Webhook, connection: Connection, server: AuthServer
) -> None:
    Connection.objects.update(scopes_granted=["profile"])
    refresh_now(connection=Connection.objects.get(), actor=system_actor(connection.team))
    assert [event for event, _ in reported()] == ["connection.created", "connection.scopes_changed"]
    assert reported()[1][1]["changes"] == {"scopes_added": ["messages:read"], "scopes_removed": []}


def test_a_member_who_is_removed_is_an_event(webhook: Webhook, cast: Cast) -> None:
    remove_member(actor=cast.actor("owner"), membership_id=cast.member.pk)
    ((event, data),) = reported()
    assert event == "member.left"
    assert data == {"team": str(cast.team.pk), "member": str(cast.member.user_id), "name": "Mara Member"}


def test_what_ends_soon_is_an_event_at_each_threshold(webhook: Webhook, connection: Connection, cast: Cast) -> None:
    today = timezone.now().date()
    OAuthApp.objects.update(secret_expires_on=today + timedelta(days=20))
    ApiKey.objects.create(
        team=cast.team,
        kind="service",
        name="engine",
        prefix="abcdefghij",
        expires_at=timezone.now() + timedelta(days=3),
    )
    Credential.objects.create(
        connection=connection, team=cast.team, fields="{}", created_at=Now(), expires_on=today + timedelta(days=25)
    )
    for _ in range(2):
        emit_expiry_events(today=today)
    found = {(data["kind"], data["days_left"]) for event, data in reported() if event == "credential.expiring"}
    assert found == {("client_secret", 20), ("api_key", 3), ("key", 25)}
    assert len(reported()) == 4
    assert emit_expiry_events(today=today + timedelta(days=19)) == 2
    assert emit_expiry_events(today=today + timedelta(days=19)) == 0
    by_kind = {data["kind"]: data for event, data in reported()[1:4]}
    assert by_kind["key"]["connection"] == str(connection.pk)
    assert by_kind["client_secret"]["integration"] == "sandbox"


def test_events_of_another_team_are_not_reported(webhook: Webhook, connection: Connection, cast: Cast) -> None:
    foreign = webhooks.create_webhook(
        actor=cast.actor("stranger"), url="https://hooks.example.com/", events=Event.values
    )
    OAuthApp.objects.update(secret_expires_on=timezone.now().date())
    emit_expiry_events(today=timezone.now().date())
    remove_member(actor=cast.actor("owner"), membership_id=cast.admin.pk)
    assert not foreign.webhook.deliveries.exists()


def test_a_completed_and_a_failed_connect_session_are_events(webhook: Webhook, connection: Connection) -> None:
    sessions = [
        ConnectSession.objects.create(
            team=connection.team,
            member=connection.owner,
            integration=connection.integration,
            asked_by_kind="user",
            token_hash=str(number),
            created_at=Now(),
            expires_at=Now(),
        )
        for number in range(2)
    ]
    connected(sessions[0], connection, origin=SYSTEM)
    connected(sessions[0], connection, origin=SYSTEM)
    with transaction.atomic():
        fail_sessions(ConnectSession.objects.all(), code="exchange_failed", detail="No token.")
    events = [event for event in reported() if event[0].startswith("connect_session.")]
    assert [(event, data["connect_session"]) for event, data in events] == [
        ("connect_session.connected", str(sessions[0].pk)),
        ("connect_session.failed", str(sessions[1].pk)),
    ]
    assert events[0][1]["connection"] == str(connection.pk)
    assert (events[1][1]["status"], events[1][1]["code"]) == ("failed", "exchange_failed")
