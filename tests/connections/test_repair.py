"""A connection that needs attention: what its page shows, whom one can ask, and the notices of those who manage it."""

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse

from apps.connections.errors import MailedLately
from apps.connections.models import Connection, RepairRequest, TokenSet, TraceEntry
from apps.connections.services.ask import ask_to_repair
from apps.connections.services.attention_mail import send_attention_mails
from apps.connections.services.status import mark_needs_attention, mark_recovered
from apps.errors import NotAllowed
from apps.notifications.models import Notice
from apps.notifications.preferences import set_preferences
from apps.sql import Now
from apps.teams.models import Membership
from tests.authserver import AuthServer
from tests.connections.pages import make_connection, set_up_service, share
from tests.factories import actor_for, client_for, make_member, make_user
from tests.fixtures.connections import SYSTEM, Cast, access_token, refresh_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def olivia() -> Membership:
    return make_member(user=make_user("Olivia Owner"))


@pytest.fixture
def broken(olivia: Membership) -> Connection:
    connection = make_connection(olivia, set_up_service(), "Northwind")
    mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM, service_message="Revoked")
    Connection.objects.update(status_changed_at=Now() - timedelta(minutes=11))
    TokenSet.objects.update(next_refresh_at=None)
    return Connection.objects.select_related("integration", "owner", "team").get()


def page(membership: Membership, connection: Connection) -> str:
    return client_for(membership).get(reverse("connections:connection", args=[connection.pk])).content.decode()


def titles(membership: Membership) -> list[str]:
    return list(Notice.objects.filter(user=membership.user).order_by("pk").values_list("title", flat=True))


def test_the_page_says_what_happened_and_who_was_notified(olivia: Membership, broken: Connection) -> None:
    assert "Not yet" in page(olivia, broken)
    send_attention_mails()
    html = page(olivia, broken)
    for text in ("What happened", "Revoked", "Olivia Owner", "None before a person repairs it", "Show requests"):
        assert text in html


def test_who_may_only_use_it_can_ask_once_a_day(olivia: Membership, broken: Connection) -> None:
    share(broken, "use")
    max_ = make_member(olivia.team, user=make_user("Max Member"))
    assert "Ask Olivia Owner, who owns it" in page(max_, broken)
    assert "Ask Olivia Owner" not in page(olivia, broken)
    browser = client_for(max_)
    browser.post(reverse("connections:ask", args=[broken.pk]), {"message": "The invoice run needs it"})
    (sent,) = mail.outbox
    assert sent.to == [olivia.user.email]
    assert "The invoice run needs it" in sent.body
    assert reverse("connections:connection", args=[broken.pk]) in sent.body
    assert titles(olivia) == ["Max Member asks you to repair Northwind"]
    assert "You asked" in page(max_, broken)
    assert "People who asked" in page(olivia, broken)
    assert "“The invoice run needs it”" in page(olivia, broken)
    assert "People who asked" not in page(max_, broken)
    with pytest.raises(MailedLately):
        ask_to_repair(actor=actor_for(max_), connection=broken, message="")
    RepairRequest.objects.update(asked_at=Now() - timedelta(days=1, minutes=1))
    ask_to_repair(actor=actor_for(max_), connection=broken, message="")
    assert len(mail.outbox) == 2


def test_no_one_asks_for_what_works_or_what_they_can_repair(olivia: Membership, broken: Connection) -> None:
    with pytest.raises(NotAllowed):
        ask_to_repair(actor=actor_for(olivia), connection=broken, message="")
    share(broken, "use")
    mark_recovered(broken, origin=SYSTEM)
    broken.refresh_from_db()
    with pytest.raises(NotAllowed):
        ask_to_repair(actor=actor_for(make_member(olivia.team)), connection=broken, message="")


def test_a_connection_that_is_not_shared_cannot_be_asked_about(olivia: Membership, broken: Connection) -> None:
    url = reverse("connections:ask", args=[broken.pk])
    assert client_for(make_member(olivia.team)).post(url).status_code == 404
    assert mail.outbox == []


def test_notices_come_whatever_mail_is_wanted_and_only_once(olivia: Membership, broken: Connection) -> None:
    set_preferences(user=olivia.user, attention="off", recovery="off")
    send_attention_mails()
    send_attention_mails()
    assert (mail.outbox, titles(olivia)) == ([], ["Northwind needs attention"])
    browser = client_for(olivia)
    assert '1<span class="sr"> unread' in browser.get(reverse("notifications:notices")).content.decode()
    browser.post(reverse("notifications:notices"))
    assert '<span class="sr"> unread' not in browser.get(reverse("notifications:notices")).content.decode()


def test_a_recovery_is_noticed(olivia: Membership, broken: Connection) -> None:
    send_attention_mails()
    mark_recovered(broken, origin=SYSTEM)
    send_attention_mails()
    assert titles(olivia) == ["Northwind needs attention", "Northwind works again"]


def test_notices_of_others_are_not_shown(olivia: Membership, broken: Connection) -> None:
    send_attention_mails()
    other = make_member(olivia.team)
    assert "Northwind" not in client_for(other).get(reverse("notifications:notices")).content.decode()


def test_failed_requests_of_built_in_services_are_traced_without_secrets(
    server: AuthServer, cast: Cast, connection: Connection
) -> None:
    browser = client_for(cast.member)
    check = reverse("connections:check", args=[connection.pk])
    browser.post(check)
    assert TraceEntry.objects.count() == 0
    tokens = (access_token(connection), refresh_token(connection))
    server.account_down = True
    browser.post(check)
    assert TraceEntry.objects.filter(connection=connection, status=503).count() == 1
    html = browser.get(reverse("connections:trace", args=[connection.pk])).content.decode()
    assert "503" in html
    assert not any(token in html or token in str(list(TraceEntry.objects.values())) for token in tokens)
