"""What the team's webhooks are told of connections and of OAuth apps that are refused."""

import json
from typing import Any

import pytest

from apps.connections.models import Connection
from apps.connections.services.disconnect import disconnect
from apps.connections.services.status import mark_needs_attention, mark_recovered
from apps.integrations.oauth_apps.services import mark_oauth_app_broken
from apps.notifications import webhooks
from apps.notifications.models import Delivery, Event, Webhook
from tests.fixtures.connections import SYSTEM, Cast, Traveller, access_token, oauth_app, refresh_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(cast: Cast) -> Webhook:
    url = "https://hooks.example.com/"
    return webhooks.create_webhook(actor=cast.actor("admin"), url=url, events=Event.values).webhook


def told() -> list[tuple[str, dict[str, Any]]]:
    messages = Delivery.objects.order_by("created_at", "pk")
    return [(one.event, json.loads(one.body)["data"]) for one in messages]


def test_a_connection_is_told_of_from_its_beginning_to_its_end(
    webhook: Webhook, traveller: Traveller, cast: Cast
) -> None:
    connection = traveller.connect(cast.actor("member"))
    secrets = [access_token(connection), refresh_token(connection)]
    mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM)
    mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM)
    mark_recovered(connection, origin=SYSTEM)
    disconnect(actor=cast.actor("member"), connection=connection)
    assert [event for event, _ in told()] == [
        "connection.created",
        "connection.needs_attention",
        "connection.recovered",
        "connection.disconnected",
    ]
    assert {data["connection"] for _, data in told()} == {str(connection.pk)}
    assert told()[1][1]["reason"] == "reauthorization_required"
    assert told()[3][1]["revocation"] == "revoked"
    assert not any(secret in str(told()) for secret in secrets)


def test_a_refused_app_is_told_once_to_each_team_that_depends_on_it(
    webhook: Webhook, connection: Connection, cast: Cast
) -> None:
    foreign = webhooks.create_webhook(
        actor=cast.actor("stranger"), url="https://hooks.example.com/", events=Event.values
    )
    for _ in range(2):
        mark_oauth_app_broken(oauth_app=oauth_app(), code="invalid_client")
    found = [one for one in told() if one[0] == "integration.misconfigured"]
    assert found == [
        ("integration.misconfigured", {"team": str(cast.team.pk), "integration": "sandbox", "code": "invalid_client"})
    ]
    assert not Delivery.objects.filter(webhook=foreign.webhook).exists()
