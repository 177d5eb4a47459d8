"""Mail about connections that need attention: to whom, when, and how many."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection, Level, Status, WorkflowUse
from apps.connections.services import attention_mail
from apps.connections.services.attention_mail import send_attention_mails
from apps.connections.services.status import mark_needs_attention, mark_recovered
from apps.integrations.models import Integration
from apps.notifications.models import AttentionMail, Frequency
from apps.notifications.preferences import set_preferences
from apps.sql import Now
from apps.teams.models import Membership, Role
from tests.connections.pages import make_connection, set_up_service
from tests.factories import client_for, make_member, make_user
from tests.fixtures.connections import SYSTEM

pytestmark = pytest.mark.django_db
REASON = "reauthorization_required"


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.MEMBER, user=make_user("Olivia"))


@pytest.fixture
def service() -> Integration:
    return set_up_service()


@pytest.fixture
def connection(owner: Membership, service: Integration) -> Connection:
    return make_connection(owner, service, "Fernhill")


def fail(connection: Connection, *, minutes: float = 11, reason: str = REASON) -> None:
    mark_needs_attention(connection, reason=reason, origin=SYSTEM)
    Connection.objects.filter(pk=connection.pk).update(status_changed_at=Now() - timedelta(minutes=minutes))
    connection.refresh_from_db()


def recover(connection: Connection) -> None:
    mark_recovered(connection, origin=SYSTEM)


def sent() -> list[tuple[str, str]]:
    return [(message.to[0], message.subject) for message in mail.outbox]


def test_the_owner_is_mailed_once_with_reason_and_link(owner: Membership, connection: Connection) -> None:
    fail(connection)
    assert (send_attention_mails(), send_attention_mails()) == (1, 0)
    (message,) = mail.outbox
    assert message.to == [owner.user.email]
    assert message.subject == "Fernhill (Sandbox) needs attention"
    assert "no longer accepts this connection" in message.body
    assert reverse("connections:connection", args=[connection.pk]) in message.body


def test_the_mail_names_the_workflows_that_use_the_connection(connection: Connection) -> None:
    for n in range(3):
        WorkflowUse.objects.create(
            connection=connection, workflow_id=f"wf-{n}", name=f"Run {n}", last_used_at=timezone.now()
        )
    fail(connection)
    send_attention_mails()
    body = str(mail.outbox[0].body)
    assert "Workflows that use it" in body
    assert all(f"- Run {n}\n" in body for n in range(3))


def test_a_problem_that_ends_within_ten_minutes_is_not_mailed(connection: Connection) -> None:
    fail(connection, minutes=9)
    assert send_attention_mails() == 0
    recover(connection)
    assert (send_attention_mails(), mail.outbox) == (0, [])


def test_a_recovery_is_mailed_once_to_those_who_were_mailed(owner: Membership, connection: Connection) -> None:
    fail(connection)
    send_attention_mails()
    recover(connection)
    assert (send_attention_mails(), send_attention_mails()) == (1, 0)
    assert sent()[1] == (owner.user.email, "Fernhill (Sandbox) works again")


def test_a_reason_that_changes_is_not_mailed_again(connection: Connection) -> None:
    fail(connection)
    send_attention_mails()
    fail(connection, reason="token_expired")
    assert send_attention_mails() == 0


def test_a_problem_after_a_recovery_is_mailed_again(connection: Connection) -> None:
    for minutes in (30, 11):
        fail(connection, minutes=minutes)
        send_attention_mails()
        recover(connection)
        send_attention_mails()
    assert [subject.rpartition(") ")[2] for _, subject in sent()] == ["needs attention", "works again"] * 2


@pytest.mark.parametrize("reason", ["integration_misconfigured", "service_unavailable"])
def test_what_the_owner_cannot_repair_is_not_mailed(connection: Connection, reason: str) -> None:
    fail(connection, reason=reason)
    assert send_attention_mails() == 0


def test_managers_of_a_shared_connection_are_mailed_too(owner: Membership, connection: Connection) -> None:
    manager, user, former = (make_member(owner.team, user=make_user(name)) for name in ("Mara", "Uwe", "Fritz"))
    Connection.objects.update(is_shared=True)
    for member, level in ((manager, Level.MANAGE), (user, Level.USE), (former, Level.MANAGE)):
        connection.shares.create(user=member.user, level=level)
    former.delete()
    fail(connection)
    send_attention_mails()
    assert {address for address, _ in sent()} == {owner.user.email, manager.user.email}


def test_more_than_three_become_one_digest_and_later_ones_wait_a_day(owner: Membership, service: Integration) -> None:
    connections = [make_connection(owner, service, f"Number {number}") for number in range(5)]
    for connection in connections[:4]:
        fail(connection)
    assert send_attention_mails() == 1
    assert sent() == [(owner.user.email, "4 connections need attention")]
    assert all(f"Number {number}" in mail.outbox[0].body for number in range(4))
    fail(connections[4])
    assert send_attention_mails() == 0
    AttentionMail.objects.update(sent_at=Now() - timedelta(days=1, minutes=1))
    assert send_attention_mails() == 1
    assert "Number 4" in mail.outbox[1].subject


def test_the_fourth_mail_of_a_day_is_a_digest(owner: Membership, service: Integration) -> None:
    for number in range(4):
        fail(make_connection(owner, service, f"Number {number}"))
        send_attention_mails()
    assert len(mail.outbox) == 4
    assert AttentionMail.objects.filter(in_digest=True).count() == 1
    fail(make_connection(owner, service, "Number 5"))
    assert send_attention_mails() == 0


def test_preferences_decide_how_often(owner: Membership, service: Integration) -> None:
    set_preferences(user=owner.user, attention=Frequency.OFF, recovery=Frequency.OFF)
    first = make_connection(owner, service, "First")
    fail(first)
    assert send_attention_mails() == 0
    set_preferences(user=owner.user, attention=Frequency.DIGEST, recovery=Frequency.OFF)
    assert send_attention_mails() == 1
    fail(make_connection(owner, service, "Second"))
    assert send_attention_mails() == 0
    recover(first)
    assert send_attention_mails() == 0


def test_a_failed_mail_is_sent_in_the_next_run(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> int:
        raise OSError("no mail server")

    fail(connection)
    with monkeypatch.context() as without:
        without.setattr(attention_mail, "send", fails)
        assert send_attention_mails() == 0
    assert send_attention_mails() == 1
    recover(connection)
    with monkeypatch.context() as without:
        without.setattr(attention_mail, "send", fails)
        assert send_attention_mails() == 0
    assert send_attention_mails() == 1


def test_old_records_are_deleted(connection: Connection) -> None:
    fail(connection)
    send_attention_mails()
    AttentionMail.objects.update(sent_at=timezone.now() - timedelta(days=91), recovered_at=timezone.now())
    recover(connection)
    send_attention_mails()
    assert not AttentionMail.objects.exists()
    assert Connection.objects.get().status == Status.ACTIVE


def test_people_change_their_preferences_on_their_account_page(owner: Membership) -> None:
    browser = client_for(owner)
    url = reverse("notifications:preferences")
    assert url in browser.get(reverse("web:account")).content.decode()
    assert browser.get(url).context["form"].initial == {
        "attention": "at_once",
        "recovery": "at_once",
        "expiry": "at_once",
    }
    assert browser.post(url, {"attention": "weekly", "recovery": "off", "expiry": "off"}).status_code == 400
    assert browser.post(url, {"attention": "digest", "recovery": "off", "expiry": "off"}).status_code == 302
    assert browser.get(url).context["form"].initial == {"attention": "digest", "recovery": "off", "expiry": "off"}
