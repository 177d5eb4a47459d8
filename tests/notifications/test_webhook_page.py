"""The options of a webhook on its page, and messages in the format of Slack."""

import json
import re
from typing import Any

import pytest
from django.conf import settings

from apps.notifications import webhooks
from apps.notifications.models import Delivery, Event, Webhook
from apps.notifications.slack import slack_message
from apps.notifications.webhooks import IssuedWebhook
from apps.teams.models import Membership
from tests.connections.pages import make_connection, set_up_service
from tests.factories import actor_for, client_for, make_member, make_team, make_user
from tests.notifications.conftest import Sent
from tests.notifications.test_webhook_values import SECRET, emit, make
from tests.notifications.test_webhooks import PAGE, URL, call
from tests.servers import HttpServer

pytestmark = pytest.mark.django_db
CONNECTION = "0b0a7e0e-7a3c-4d53-9f0e-6d8f4a1c2b3d"


def submit(admin: Membership, webhook: Webhook, **values: Any) -> Any:
    fields = {"url": webhook.url, "events": webhook.events, **values}
    response = client_for(admin).post(f"{PAGE}{webhook.pk}/", fields)
    webhook.refresh_from_db()
    return response


def test_the_page_sets_format_and_filters(admin: Membership) -> None:
    webhook = make(admin)
    saved = submit(
        admin, webhook, payload="slack", only_integrations=["github", "slack"], only_tags="blue, green,,blue"
    )
    assert saved.status_code == 302
    stored = (webhook.payload, webhook.only_integrations, webhook.only_tags)
    assert stored == ("slack", ["github", "slack"], ["blue", "green"])
    page = client_for(admin).get(f"{PAGE}{webhook.pk}/").content.decode()
    assert 'value="blue, green"' in page
    submit(admin, webhook)
    assert (webhook.payload, webhook.only_integrations, webhook.only_tags) == ("standard", [], [])


def test_headers_are_stored_kept_and_removed_and_no_page_shows_their_values(admin: Membership) -> None:
    webhook = make(admin)
    submit(admin, webhook, headers=f"Authorization: {SECRET}\nX-Team: 7\n")
    assert webhook.header_names == ["Authorization", "X-Team"]
    page = client_for(admin).get(f"{PAGE}{webhook.pk}/").content.decode()
    assert "Authorization, X-Team" in page
    assert SECRET not in page
    submit(admin, webhook, description="Operations")
    assert webhook.header_names == ["Authorization", "X-Team"]
    submit(admin, webhook, remove_headers="on")
    assert (webhook.header_names, webhook.headers) == ([], None)


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": f"Authorization: {SECRET}\nwithout a colon"},
        {"headers": f"Authorization: {SECRET}\nHost: evil.example"},
        {"headers": f"X-A: {SECRET}\nX-A: 2"},
        {"headers": f"X-A: {SECRET}", "only_tags": "x" * 51},
        {"headers": f"X-A: {SECRET}", "only_tags": ",".join(map(str, range(21)))},
        {"headers": f"X-A: {SECRET}", "only_integrations": ["../x"]},
        {"headers": f"X-A: {SECRET}", "payload": "xml"},
        {"headers": f"X-A: {SECRET}", "url": "https://127.0.0.1/"},
    ],
)
def test_after_an_error_nothing_is_stored_and_the_page_has_no_value(admin: Membership, fields: dict[str, str]) -> None:
    webhook = make(admin)
    response = submit(admin, webhook, **fields)
    assert response.status_code == 400
    assert SECRET not in response.content.decode()
    assert (webhook.header_names, webhook.only_tags, webhook.only_integrations) == ([], [], [])


def test_the_page_does_not_send_stored_headers_to_another_host(admin: Membership) -> None:
    webhook = make(admin, headers={"Authorization": SECRET})
    response = submit(admin, webhook, url="https://evil.example.com/a")
    assert response.status_code == 400
    assert webhook.url == "https://hooks.example.com/a"


def test_a_message_for_slack_says_what_happened_and_links_to_the_connection(
    issued: IssuedWebhook, receiver: HttpServer, admin: Membership, sent: Sent
) -> None:
    changed = call(admin, "PATCH", f"{URL}{issued.webhook.pk}/", {"payload": "slack"})
    assert changed.json()["payload"] == "slack"
    emit(admin, name="Acme", integration="github", connection=CONNECTION, detail="GitHub no longer accepts it.")
    sent.deliver()
    (request,) = receiver.received
    page = f"{settings.PUBLIC_URL}/connections/{CONNECTION}/"
    assert json.loads(request.body) == {
        "text": f"*A connection was created*\nAcme (github)\nGitHub no longer accepts it.\n<{page}|Open the connection>"
    }


@pytest.mark.parametrize("name", ["<!channel>", "<https://evil.example|Log in>", "a & b"])
def test_a_name_cannot_mention_a_channel_or_make_a_link(name: str) -> None:
    text = slack_message(Event.MEMBER_LEFT, {"name": name})["text"]
    assert text == "*A member left the team or was removed*\n" + name.replace("&", "&amp;").replace(
        "<", "&lt;"
    ).replace(">", "&gt;")


def test_a_test_event_and_a_disconnected_connection_have_no_link() -> None:
    assert slack_message("webhook.test", {"webhook": "1"}) == {"text": "*Test event*"}
    gone = slack_message(Event.DISCONNECTED, {"name": "Acme", "integration": "github", "connection": CONNECTION})
    assert gone == {"text": "*A connection was disconnected*\nAcme (github)"}


def test_messages_of_a_time_are_sent_again_from_the_page(
    issued: IssuedWebhook, admin: Membership, receiver: HttpServer, sent: Sent
) -> None:
    for _ in range(2):
        emit(admin)
    sent.deliver()
    failed = sent.all[0]
    Delivery.objects.filter(pk=failed.pk).update(status="failed")
    page = f"{PAGE}{issued.webhook.pk}/"
    again = client_for(admin).post(f"{page}replay/", {"since": "24", "status": "failed"}, follow=True)
    assert "1 message is sent again." in again.content.decode()
    sent.deliver()
    assert [one.headers["webhook-id"] for one in receiver.received[2:]] == [failed.pk]
    none = client_for(admin).post(f"{page}replay/", {"since": "1", "status": "failed"}, follow=True)
    assert "There is no such message to send again." in none.content.decode()
    assert client_for(admin).post(f"{page}replay/", {"since": "9"}, follow=True).status_code == 200
    assert Delivery.objects.filter(status="pending").count() == 0
    webhooks.change_webhook(actor=actor_for(admin), webhook_id=issued.webhook.pk, is_on=False)
    assert client_for(admin).post(f"{page}replay/", {"since": "24"}).status_code == 409


def test_the_page_offers_the_services_that_the_team_has_connections_to(admin: Membership) -> None:
    service = set_up_service()
    elsewhere = make_member(make_team("Elsewhere"), user=make_user("Stranger"))
    make_connection(elsewhere, service)
    page = f"{PAGE}{make(admin, only_integrations=['retired']).pk}/"
    offered = re.compile(r'name="only_integrations"\s+value="([^"]+)"')
    assert offered.findall(client_for(admin).get(page).content.decode()) == ["retired"]
    make_connection(admin, service)
    assert offered.findall(client_for(admin).get(page).content.decode()) == ["retired", service.slug]


def test_the_page_says_why_messages_fail_and_tries_the_oldest_now(
    issued: IssuedWebhook, admin: Membership, receiver: HttpServer, sent: Sent
) -> None:
    page = f"{PAGE}{issued.webhook.pk}/"
    assert "Try now" not in client_for(admin).get(page).content.decode()
    receiver.answers.clear()
    for _ in range(2):
        receiver.will_answer(500, b"")
        emit(admin)
    sent.deliver()
    html = client_for(admin).get(page).content.decode()
    assert "It responded with HTTP status 500." in html
    assert "2 messages wait." in html
    oldest = sent.all[0]
    assert f"{page}deliveries/{oldest.pk}/" in html
