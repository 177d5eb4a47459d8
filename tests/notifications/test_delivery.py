"""Delivery to webhooks: signatures, at least once, retries for a day, claims."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.urls import reverse
from kombu.exceptions import OperationalError
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from apps.audit.models import AuditEvent
from apps.notifications import delivery, disabled_alerts, outbox, webhooks
from apps.notifications.models import Delivery, Event, Webhook
from apps.notifications.webhooks import IssuedWebhook
from apps.sql import Now
from apps.teams.models import Membership, Role
from tests.factories import actor_for, client_for, make_member, make_team, make_user
from tests.notifications.conftest import Sent
from tests.servers import HttpServer, Received

pytestmark = pytest.mark.django_db
DATA = {"connection": "1", "name": "Fernhill — Slack"}


def emit(issued: IssuedWebhook, event: str = Event.CREATED) -> Delivery:
    with transaction.atomic():
        outbox.enqueue_webhook(event, team_id=issued.webhook.team_id, data=DATA)
    return Delivery.objects.latest("created_at", "pk")


def make_due(message: Delivery) -> None:
    Delivery.objects.filter(pk=message.pk).update(next_try_at=Now() - timedelta(seconds=1))


def verified(secret: str, request: Received) -> Any:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Verifier(secret).verify(request.body, headers)


def test_a_message_is_signed_by_standard_webhooks(issued: IssuedWebhook, receiver: HttpServer, sent: Sent) -> None:
    message = emit(issued)
    sent.deliver()
    (request,) = receiver.received
    assert (request.method, request.path) == ("POST", "/hooks?key=q7")
    body = verified(issued.secret, request)
    assert (body["type"], body["data"]) == ("connection.created", DATA)
    assert request.headers["webhook-id"] == message.pk
    message.refresh_from_db()
    assert (message.status, message.answered, message.next_try_at) == ("delivered", 204, None)


def test_another_secret_or_another_body_does_not_verify(
    issued: IssuedWebhook, receiver: HttpServer, sent: Sent
) -> None:
    emit(issued)
    sent.deliver()
    (request,) = receiver.received
    with pytest.raises(WebhookVerificationError):
        verified(webhooks.signature.new_secret(), request)
    request.body = request.body.replace(b"created", b"removed")
    with pytest.raises(WebhookVerificationError):
        verified(issued.secret, request)


def test_both_secrets_sign_for_a_day_after_a_rotation(
    issued: IssuedWebhook, receiver: HttpServer, sent: Sent, admin: Membership
) -> None:
    new = webhooks.rotate_secret(actor=actor_for(admin), webhook_id=issued.webhook.pk)
    emit(issued)
    sent.deliver()
    assert verified(issued.secret, receiver.received[0]) == verified(new.secret, receiver.received[0])
    Webhook.objects.update(former_until=Now() - timedelta(seconds=1))
    emit(issued)
    sent.deliver()
    verified(new.secret, receiver.received[1])
    with pytest.raises(WebhookVerificationError):
        verified(issued.secret, receiver.received[1])


def test_only_subscribed_and_enabled_webhooks_of_the_team_get_the_event(
    issued: IssuedWebhook, receiver: HttpServer, admin: Membership, sent: Sent
) -> None:
    webhooks.create_webhook(actor=actor_for(admin), url=f"{receiver.url}/other", events=[Event.RECOVERED])
    off = webhooks.create_webhook(actor=actor_for(admin), url=f"{receiver.url}/off", events=Event.values)
    webhooks.change_webhook(actor=actor_for(admin), webhook_id=off.webhook.pk, is_on=False)
    elsewhere = make_member(make_team("Elsewhere"), Role.OWNER, user=make_user("Stranger"))
    webhooks.create_webhook(actor=actor_for(elsewhere), url=f"{receiver.url}/foreign", events=Event.values)
    emit(issued)
    assert [message.webhook_id for message in sent.all] == [issued.webhook.pk]


def test_an_event_that_is_rolled_back_is_not_sent(issued: IssuedWebhook, sent: Sent) -> None:
    def fails() -> None:
        with transaction.atomic():
            outbox.enqueue_webhook(Event.CREATED, team_id=issued.webhook.team_id, data=DATA)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert sent.all == []


def test_the_task_is_queued_after_the_commit_with_the_id_only(
    issued: IssuedWebhook, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    tasks: list[Any] = []
    monkeypatch.setattr(outbox._Broker, "unavailable_until", 0.0)
    monkeypatch.setattr(outbox.current_app, "send_task", lambda name, args: tasks.append((name, args)))
    with django_capture_on_commit_callbacks(execute=True):
        message = emit(issued)
        assert tasks == []
    assert tasks == [("notifications.deliver", [message.pk])]


def test_a_broker_that_does_not_answer_is_tried_once_for_many_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def hangs(name: str, args: list[str]) -> None:
        tried.append(name)
        raise OperationalError("Timeout reading from socket")

    monkeypatch.setattr(outbox._Broker, "unavailable_until", 0.0)
    monkeypatch.setattr(outbox.current_app, "send_task", hangs)
    for _ in range(3):
        outbox._queue_task("msg_1")
    assert tried == ["notifications.deliver"]


def test_a_failed_message_is_retried_with_the_same_id_and_body(
    issued: IssuedWebhook, receiver: HttpServer, sent: Sent
) -> None:
    receiver.answers[:] = [(500, {}, b"no"), (204, {}, b"")]
    message = emit(issued)
    sent.deliver()
    sent.deliver()  # not due yet
    assert len(receiver.received) == 1
    make_due(message)
    assert delivery.deliver_due() == 1
    first, second = receiver.received
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    message.refresh_from_db()
    assert (message.status, message.tries) == ("delivered", 2)


def test_a_claimed_message_is_not_sent_by_another_process(issued: IssuedWebhook, receiver: HttpServer) -> None:
    message = emit(issued)
    Delivery.objects.filter(pk=message.pk).update(next_try_at=Now() + delivery.CLAIMED_FOR)
    assert not delivery.deliver(message.pk)
    assert receiver.received == []


def test_retries_continue_for_about_a_day() -> None:
    assert timedelta(hours=20) < sum(delivery.RETRY_DELAYS, timedelta()) < timedelta(hours=28)


def test_after_the_last_retry_the_webhook_is_disabled_and_admins_are_mailed_once(
    issued: IssuedWebhook, receiver: HttpServer, admin: Membership
) -> None:
    receiver.answers[:] = [(500, {}, b"no")]
    message = emit(issued)
    for _ in range(len(delivery.RETRY_DELAYS) + 1):
        make_due(message)
        delivery.deliver_due()
    message.refresh_from_db()
    assert (message.status, message.tries) == ("failed", len(delivery.RETRY_DELAYS) + 1)
    webhook = Webhook.objects.get()
    assert not webhook.is_on
    assert AuditEvent.objects.filter(action="webhook.switched_off", team_id=webhook.team_id).count() == 1
    assert (disabled_alerts.alert_admins(), disabled_alerts.alert_admins()) == (1, 0)
    assert [one.to for one in mail.outbox] == [[admin.user.email]]
    assert "key=q7" not in mail.outbox[0].body


def test_a_webhook_stays_enabled_if_other_messages_arrive(issued: IssuedWebhook, receiver: HttpServer) -> None:
    message = emit(issued)
    Webhook.objects.update(last_success_at=Now() + timedelta(seconds=1))
    receiver.answers[:] = [(500, {}, b"no")]
    Delivery.objects.filter(pk=message.pk).update(tries=len(delivery.RETRY_DELAYS))
    delivery.deliver(message.pk)
    assert Delivery.objects.get().status == "failed"
    assert Webhook.objects.get().is_on


def test_a_webhook_is_disabled_if_the_receiver_answers_410(
    issued: IssuedWebhook, receiver: HttpServer, sent: Sent
) -> None:
    receiver.answers[:] = [(410, {}, b"")]
    emit(issued)
    sent.deliver()
    assert (Delivery.objects.get().status, Webhook.objects.get().is_on) == ("failed", False)


def test_a_redirect_is_not_followed(issued: IssuedWebhook, receiver: HttpServer, sent: Sent) -> None:
    receiver.answers[:] = [(307, {"Location": f"{receiver.url}/elsewhere"}, b"")]
    emit(issued)
    sent.deliver()
    assert len(receiver.received) == 1
    assert Delivery.objects.get().answered == 307


def test_a_failed_mail_is_sent_in_the_next_run(issued: IssuedWebhook, monkeypatch: pytest.MonkeyPatch) -> None:
    Webhook.objects.update(is_on=False, gave_up_at=Now())

    def away(*args: Any, **kwargs: Any) -> int:
        raise OSError("no mail server")

    with monkeypatch.context() as without:
        without.setattr(disabled_alerts, "send", away)
        assert disabled_alerts.alert_admins() == 0
    assert disabled_alerts.alert_admins() == 1


def test_old_finished_messages_are_deleted_and_pending_ones_are_kept(issued: IssuedWebhook) -> None:
    old, waiting = emit(issued), emit(issued)
    Delivery.objects.update(created_at=Now() - timedelta(days=31))
    Delivery.objects.filter(pk=old.pk).update(next_try_at=None)
    delivery.delete_old()
    assert [message.pk for message in Delivery.objects.all()] == [waiting.pk]


def test_a_body_has_type_timestamp_and_data(issued: IssuedWebhook) -> None:
    body = json.loads(emit(issued).body)
    assert set(body) == {"type", "timestamp", "data"}


def test_a_failing_webhook_reports_how_many_messages_wait_and_until_when(
    issued: IssuedWebhook, receiver: HttpServer, sent: Sent, admin: Membership
) -> None:
    receiver.answers[:] = [(500, {}, b"no")]
    first, _ = emit(issued), emit(issued)
    sent.deliver()
    webhook = Webhook.objects.get()
    first.refresh_from_db()
    assert (webhook.waiting, webhook.next_try_at) == (2, min(message.next_try_at for message in sent.all))
    browser = client_for(admin)
    for url in (reverse("notifications:webhooks"), reverse("notifications:webhook", args=[webhook.pk])):
        page = " ".join(browser.get(url).content.decode().split())
        assert "Failing" in page
        assert f"2 waiting, next try {webhook.next_try_at:%H:%M} UTC" in page
        assert "Nothing sent yet" not in page


def test_a_webhook_whose_messages_arrive_reports_nothing_waiting(issued: IssuedWebhook, sent: Sent) -> None:
    emit(issued)
    assert Webhook.objects.get().waiting == 0  # not attempted yet
    sent.deliver()
    assert (Webhook.objects.get().waiting, Webhook.objects.get().next_try_at) == (0, None)


def test_the_row_of_a_message_is_requested_again_until_it_was_sent(
    issued: IssuedWebhook, receiver: HttpServer, sent: Sent, admin: Membership
) -> None:
    receiver.answers[:] = [(503, {}, b"no")]
    message = webhooks.send_test(actor=actor_for(admin), webhook_id=issued.webhook.pk)
    url = reverse("notifications:delivery", args=[issued.webhook.pk, message.pk])
    waiting = client_for(admin).get(url).content.decode()
    assert f'hx-get="{url}"' in waiting
    sent.deliver()
    done = client_for(admin).get(url).content.decode()
    assert "hx-get" not in done
    assert "HTTP status 503" in done
