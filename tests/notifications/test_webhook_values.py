"""Filters, further headers and names of webhooks, and replaying messages since a time."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.notifications import outbox, webhooks
from apps.notifications.models import Delivery, Event, Webhook
from apps.notifications.webhooks import IssuedWebhook
from apps.sql import Now
from apps.teams.errors import InvalidRequest
from apps.teams.models import Membership
from tests.factories import actor_for
from tests.notifications.conftest import Sent
from tests.notifications.test_webhooks import NEW, URL, call
from tests.servers import HttpServer

pytestmark = pytest.mark.django_db
SECRET = "Bearer secret-of-the-receiver"


def make(admin: Membership, **values: Any) -> Webhook:
    body = {"url": "https://hooks.example.com/a", "events": Event.values, **values}
    return webhooks.create_webhook(actor=actor_for(admin), **body).webhook


def emit(admin: Membership, **data: Any) -> None:
    with transaction.atomic():
        outbox.enqueue_webhook(Event.CREATED, team_id=admin.team_id, data=data)


def test_only_events_of_the_chosen_integrations_and_tags_are_sent(admin: Membership) -> None:
    chosen = {
        "all": make(admin),
        "slack": make(admin, only_integrations=["slack", "github"]),
        "blue": make(admin, only_tags=["blue", "green"]),
        "both": make(admin, only_integrations=["slack"], only_tags=["blue"]),
    }
    emit(admin, integration="slack", tags=["blue", "x"])
    emit(admin, integration="slack", tags=[])
    emit(admin, integration="jira", tags=["green"])
    emit(admin, member="1")  # of neither an integration nor a connection
    assert {name: webhook.deliveries.count() for name, webhook in chosen.items()} == {
        "all": 4,
        "slack": 3,
        "blue": 3,
        "both": 2,
    }


def test_further_headers_are_sent_and_never_shown(
    issued: IssuedWebhook, receiver: HttpServer, admin: Membership, sent: Sent
) -> None:
    one = f"{URL}{issued.webhook.pk}/"
    changed = call(admin, "PATCH", one, {"headers": {"Authorization": SECRET, "X-Team": "7"}})
    assert changed.status_code == 200, changed.content
    assert changed.json()["header_names"] == ["Authorization", "X-Team"]
    emit(admin)
    sent.deliver()
    (request,) = receiver.received
    assert (request.headers["Authorization"], request.headers["X-Team"]) == (SECRET, "7")
    shown = changed.content + call(admin, "GET", one).content + call(admin, "GET").content
    logged = str(list(AuditEvent.objects.values()))
    assert SECRET not in shown.decode() + logged + str(list(Webhook.objects.values("headers")))
    assert call(admin, "PATCH", one, {"headers": {}}).json()["header_names"] == []
    emit(admin)
    sent.deliver()
    assert "Authorization" not in receiver.received[-1].headers


def test_stored_headers_are_not_sent_to_another_host(admin: Membership) -> None:
    webhook = make(admin, headers={"Authorization": SECRET})
    one = f"{URL}{webhook.pk}/"
    assert call(admin, "PATCH", one, {"url": "https://hooks.example.com/b"}).status_code == 200
    refused = call(admin, "PATCH", one, {"url": "https://evil.example.com/a"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "headers")
    moved = {"url": "https://evil.example.com/a", "headers": {"Authorization": "Bearer new"}}
    assert call(admin, "PATCH", one, moved).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/html"},
        {"webhook-signature": "v1,x"},
        {"Host": "evil.example"},
        {"Transfer-Encoding": "chunked"},
        {"X A": "x"},
        {"": "x"},
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "ä"},
        {"X-A": "a", "x-a": "b"},
        {f"X-{number}": "x" for number in range(11)},
    ],
)
def test_headers_that_cannot_be_set_are_refused(admin: Membership, headers: dict[str, str]) -> None:
    response = call(admin, "POST", body=NEW | {"headers": headers})
    assert response.status_code == 400, headers
    with pytest.raises(InvalidRequest):
        make(admin, headers=headers)
    assert not Webhook.objects.exclude(header_names=[]).exists()


def test_names_of_the_callers_own_are_stored_and_filter_the_list(admin: Membership) -> None:
    names = {"external_id": "hook-7", "tags": ["blue"], "metadata": {"a": 1}}
    made = call(admin, "POST", body=NEW | names).json()
    make(admin)
    assert {name: made[name] for name in names} == names
    for query in ("external_id=hook-7", "tags=blue"):
        assert [row["id"] for row in call(admin, "GET", f"{URL}?{query}").json()["results"]] == [made["id"]]
    changed = call(admin, "PATCH", f"{URL}{made['id']}/", {"external_id": "", "only_tags": ["x"]}).json()
    assert (changed["external_id"], changed["tags"], changed["only_tags"]) == ("", ["blue"], ["x"])


def test_messages_since_a_time_are_sent_again_with_the_same_ids(
    issued: IssuedWebhook, receiver: HttpServer, admin: Membership, sent: Sent
) -> None:
    for _ in range(3):
        emit(admin)
    old, failed, arrived = sent.all
    sent.deliver()
    Delivery.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=2))
    Delivery.objects.filter(pk=failed.pk).update(status="failed")
    replay, since = f"{URL}{issued.webhook.pk}/replay/", (timezone.now() - timedelta(days=1)).isoformat()
    only = call(admin, "POST", replay, {"since": since, "status": "failed"})
    assert (only.status_code, only.json()) == (202, {"queued": 1})
    again = call(admin, "POST", replay, {"since": since})
    assert again.json() == {"queued": 1}  # the other one still waits
    sent.deliver()
    assert sorted(request.headers["webhook-id"] for request in receiver.received[3:]) == sorted([failed.pk, arrived.pk])
    assert AuditEvent.objects.filter(action="webhook.replayed").count() == 2


def test_nothing_is_replayed_to_a_webhook_that_is_off(issued: IssuedWebhook, admin: Membership) -> None:
    webhooks.change_webhook(actor=actor_for(admin), webhook_id=issued.webhook.pk, is_on=False)
    response = call(admin, "POST", f"{URL}{issued.webhook.pk}/replay/", {"since": "2020-01-01T00:00:00Z"})
    assert (response.status_code, response.json()["code"]) == (409, "webhook_off")
    assert call(admin, "POST", f"{URL}{issued.webhook.pk}/replay/", {"since": "yesterday"}).status_code == 400
