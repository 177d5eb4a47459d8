"""Managing webhooks in the API and on the page."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.notifications import webhooks
from apps.notifications.models import Delivery, Event, Webhook
from apps.notifications.webhooks import MAX_WEBHOOKS, IssuedWebhook
from apps.teams.models import ApiKey, Membership, Role
from tests.factories import actor_for, client_for, make_key, make_member, make_team, make_user
from tests.notifications.conftest import Sent
from tests.servers import HttpServer

pytestmark = pytest.mark.django_db
URL = "/api/v1/webhooks/"
PAGE = "/settings/webhooks/"
NEW = {"url": "https://hooks.example.com/specway", "events": ["connection.created"]}


@pytest.fixture
def member(admin: Membership) -> Membership:
    return make_member(admin.team, user=make_user("Kwame Boateng"))


@pytest.fixture
def stranger(db: None) -> Membership:
    return make_member(make_team("Elsewhere"), Role.OWNER, user=make_user("Stranger"))


def call(who: Membership, method: str, path: str = URL, body: Any = None, **options: Any) -> Any:
    _, key = make_key(who, **options)
    data = "" if body is None else json.dumps(body)
    headers = {"Authorization": f"Bearer {key}"}
    return Client().generic(method, path, data, content_type="application/json", headers=headers)


def test_an_admin_creates_a_webhook_and_sees_its_secret_once(admin: Membership) -> None:
    made = call(admin, "POST", body=NEW)
    assert made.status_code == 201, made.content
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.json()["secret"])
    assert made.headers["Cache-Control"] == "no-store"
    listed = call(admin, "GET")
    detail = call(admin, "GET", f"{URL}{made.json()['id']}/")
    assert made.json()["secret"] not in listed.content.decode() + detail.content.decode()
    assert [one["url"] for one in listed.json()["results"]] == [NEW["url"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://hooks.example.com/"),
        ("url", "https://127.0.0.1/"),
        ("url", "https://169.254.169.254/latest/"),
        ("url", "https://user:pw@example.com/"),
        ("url", "https://example.com/#x"),
        ("url", "https://example.com:8443/"),
        ("url", "javascript:alert(1)"),
        ("url", "https://a\0b.example.com/"),
        ("url", 5),
        ("events", []),
        ("events", ["connection.eaten"]),
        ("events", "connection.created"),
        ("description", "x" * 201),
        ("secret", "whsec_mine"),
        ("team", "x"),
        ("is_on", False),
    ],
)
def test_invalid_values_are_reported_by_field(admin: Membership, field: str, value: Any) -> None:
    response = call(admin, "POST", body=NEW | {field: value})
    assert (response.status_code, response.json()["code"]) == (400, "validation_error")
    assert {error["field"].partition(".")[0] for error in response.json()["errors"]} == {field}
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("field", ["team", "secret", "id", "gave_up_at"])
def test_read_only_fields_cannot_be_changed(issued: IssuedWebhook, admin: Membership, field: str) -> None:
    response = call(admin, "PATCH", f"{URL}{issued.webhook.pk}/", {field: "x"})
    assert response.json()["errors"][0]["field"] == field


def test_members_and_service_keys_without_the_scope_cannot_manage_webhooks(
    issued: IssuedWebhook, admin: Membership, member: Membership
) -> None:
    one = f"{URL}{issued.webhook.pk}/"
    calls = [("GET", URL), ("POST", URL), ("GET", one), ("PATCH", one), ("DELETE", one), ("POST", f"{one}test/")]
    for method, path in calls:
        body = NEW if path == URL else {}
        for who, options in (
            (member, {}),
            (admin, {"kind": ApiKey.Kind.SERVICE, "scopes": ["connections:read", "connections:write"]}),
        ):
            response = call(who, method, path, body if method in ("POST", "PATCH") else None, **options)
            assert response.status_code == 403, (method, path)
    assert client_for(member).get(PAGE).status_code == 403
    assert "/settings/webhooks/" not in client_for(member).get("/settings/team/").content.decode()


def test_a_service_key_with_the_scope_manages_webhooks(admin: Membership) -> None:
    options = {"kind": ApiKey.Kind.SERVICE, "scopes": ["connections:read", "webhooks:write"]}
    made = call(admin, "POST", body=NEW, **options)
    assert made.status_code == 201
    assert len(call(admin, "GET", **options).json()["results"]) == 1
    one = f"{URL}{made.json()['id']}/"
    assert call(admin, "PATCH", one, {"rotate_secret": True}, **options).json()["secret"]
    assert call(admin, "DELETE", one, **options).status_code == 204


def test_another_teams_webhook_is_not_found(issued: IssuedWebhook, stranger: Membership) -> None:
    one = f"{URL}{issued.webhook.pk}/"
    for method, path in (("GET", one), ("PATCH", one), ("DELETE", one), ("POST", f"{one}test/")):
        assert call(stranger, method, path).status_code == 404
    browser = client_for(stranger)
    message = webhooks.send_test(
        actor=actor_for(make_member(issued.webhook.team, Role.OWNER)), webhook_id=issued.webhook.pk
    )
    page = f"{PAGE}{issued.webhook.pk}/"
    assert browser.get(page).status_code == 404
    for what in ("", "secret/", "switch/", "test/", "remove/", f"deliveries/{message.pk}/"):
        assert browser.post(page + what).status_code == 404
    assert Webhook.objects.filter(pk=issued.webhook.pk, is_on=True).exists()


def test_deleting_twice_succeeds_and_deleting_an_unknown_one_is_404(
    issued: IssuedWebhook, admin: Membership, stranger: Membership
) -> None:
    one = f"{URL}{issued.webhook.pk}/"
    assert [call(admin, "DELETE", one).status_code for _ in range(2)] == [204, 204]
    assert call(stranger, "DELETE", one).status_code == 404
    assert call(admin, "DELETE", f"{URL}{uuid4()}/").status_code == 404
    assert AuditEvent.objects.filter(action="webhook.deleted").count() == 1


def test_a_rotation_returns_the_new_secret(issued: IssuedWebhook, admin: Membership) -> None:
    response = call(admin, "PATCH", f"{URL}{issued.webhook.pk}/", {"rotate_secret": True})
    assert response.json()["secret"] not in (None, issued.secret)
    assert call(admin, "PATCH", f"{URL}{issued.webhook.pk}/", {"description": "x"}).json()["secret"] is None


def test_a_test_event_is_delivered_and_listed(
    issued: IssuedWebhook, admin: Membership, receiver: HttpServer, sent: Sent
) -> None:
    assert call(admin, "POST", f"{URL}{issued.webhook.pk}/test/").status_code == 202
    sent.deliver()
    assert json.loads(receiver.received[0].body)["type"] == "webhook.test"
    shown = call(admin, "GET", f"{URL}{issued.webhook.pk}/").json()["deliveries"]
    assert [(one["status"], one["answered"]) for one in shown] == [("delivered", 204)]


def test_the_number_of_webhooks_is_limited(issued: IssuedWebhook, admin: Membership) -> None:
    Webhook.objects.bulk_create(
        Webhook(team=admin.team, url="https://example.com/", created_at=issued.webhook.created_at)
        for _ in range(MAX_WEBHOOKS - 1)
    )
    assert call(admin, "POST", body=NEW).json()["code"] == "too_many_webhooks"


def test_log_and_table_contain_neither_the_secret_nor_the_urls_query(issued: IssuedWebhook) -> None:
    row = Webhook.objects.filter(pk=issued.webhook.pk).values().get()
    assert issued.secret not in str(row)
    events = " ".join(str(one) for one in AuditEvent.objects.values())
    assert issued.secret not in events
    assert "key=q7" not in events


def test_the_page_adds_changes_disables_and_removes_a_webhook(admin: Membership) -> None:
    browser = client_for(admin)
    made = browser.post(PAGE, NEW)
    assert made.context["issued"].secret in made.content.decode()
    webhook = Webhook.objects.get()
    page = f"{PAGE}{webhook.pk}/"
    assert made.context["issued"].secret not in browser.get(page).content.decode()
    changed = browser.post(page, NEW | {"events": Event.values, "description": "Operations"})
    assert changed.status_code == 302
    browser.post(f"{page}switch/", {"is_on": "0"})
    webhook.refresh_from_db()
    assert (webhook.events, webhook.description, webhook.is_on) == (Event.values, "Operations", False)
    rotated = browser.post(f"{page}secret/")
    assert rotated.context["issued"].secret in rotated.content.decode()
    assert browser.get(f"{page}remove/").status_code == 200
    assert Webhook.objects.exists()
    browser.post(f"{page}remove/")
    assert not Webhook.objects.exists()


def test_the_page_shows_errors_beside_the_field(admin: Membership) -> None:
    response = client_for(admin).post(PAGE, NEW | {"url": "https://127.0.0.1/"})
    assert response.status_code == 400
    assert "this machine itself" in response.content.decode()


def test_a_message_can_be_redelivered_from_the_page(
    issued: IssuedWebhook, admin: Membership, receiver: HttpServer, sent: Sent
) -> None:
    webhooks.send_test(actor=actor_for(admin), webhook_id=issued.webhook.pk)
    sent.deliver()
    (message,) = sent.all
    page = f"{PAGE}{issued.webhook.pk}/"
    browser = client_for(admin)
    assert message.pk in browser.get(page, {"open": message.pk}).content.decode()
    assert browser.post(f"{page}deliveries/{message.pk}/").status_code == 302
    sent.deliver()
    assert [one.headers["webhook-id"] for one in receiver.received] == [message.pk] * 2
    assert Delivery.objects.get().status == "delivered"


def test_a_get_changes_nothing(issued: IssuedWebhook, admin: Membership) -> None:
    page = f"{PAGE}{issued.webhook.pk}/"
    browser = client_for(admin)
    for what in ("secret/", "switch/", "test/"):
        assert browser.get(page + what).status_code == 405


def test_deliveries_are_paginated_and_filtered(issued: IssuedWebhook, admin: Membership, sent: Sent) -> None:
    for _ in range(3):
        webhooks.send_test(actor=actor_for(admin), webhook_id=issued.webhook.pk)
    path = f"{URL}{issued.webhook.pk}/deliveries/"
    first = call(admin, "GET", f"{path}?page_size=2").json()
    second = call(admin, "GET", first["next"].removeprefix("http://testserver")).json()
    assert [one["id"] for one in first["results"] + second["results"]] == [one.pk for one in reversed(sent.all)]
    assert second["next"] is None
    assert len(call(admin, "GET", f"{path}?status=pending&event=webhook.test").json()["results"]) == 3
    assert call(admin, "GET", f"{path}?status=delivered").json()["results"] == []
    assert call(admin, "GET", f"{path}?status=lost").status_code == 400


def test_a_message_is_redelivered_with_the_same_id(
    issued: IssuedWebhook, admin: Membership, receiver: HttpServer, sent: Sent, stranger: Membership
) -> None:
    message = webhooks.send_test(actor=actor_for(admin), webhook_id=issued.webhook.pk)
    sent.deliver()
    path = f"{URL}{issued.webhook.pk}/deliveries/{message.pk}/redeliver/"
    response = call(admin, "POST", path)
    assert (response.status_code, response.json()["id"], response.json()["status"]) == (202, message.pk, "pending")
    sent.deliver()
    assert [request.headers["webhook-id"] for request in receiver.received] == [message.pk] * 2
    assert call(stranger, "POST", path).status_code == 404
    assert call(admin, "POST", f"{URL}{issued.webhook.pk}/deliveries/msg_0/redeliver/").status_code == 404
