"""What a team's connections may do and nothing needs: who sees it, what counts, and asking owners to narrow it."""

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.errors import MailedLately
from apps.connections.models import Connection, ScopeUse
from apps.connections.services.ask import Question, ask_owner
from apps.connections.services.least_privilege import summary_of, unknown_uses, unused_connections
from apps.errors import NotAllowed
from apps.integrations.models import Integration
from apps.notifications.models import Notice
from apps.teams.models import Membership, Role
from tests.connections.pages import make_connection, set_up_service
from tests.factories import actor_for, client_for, make_member, make_user

pytestmark = pytest.mark.django_db
SCOPES = ["profile", "messages:read", "messages:write"]
NOW = timezone.now()


def days_ago(days: int) -> object:
    return NOW - timedelta(days=days)


@pytest.fixture
def service() -> Integration:
    return set_up_service()


@pytest.fixture
def admin() -> Membership:
    return make_member(user=make_user("Olivia Owner"), role=Role.ADMIN)


@pytest.fixture
def max_(admin: Membership) -> Membership:
    return make_member(admin.team, user=make_user("Max Member"))


@pytest.fixture
def wide(max_: Membership, service: Integration) -> Connection:
    """Max's, connected 200 days ago: `profile` was needed today, `messages:read` 40 days ago, the third one never."""
    made = make_connection(
        max_,
        service,
        "Wide",
        scopes_requested=SCOPES,
        scopes_granted=SCOPES,
        created_at=days_ago(200),
        last_used_at=NOW,
    )
    ScopeUse.objects.create(connection=made, scope="profile", last_used_at=NOW)
    ScopeUse.objects.create(connection=made, scope="messages:read", last_used_at=days_ago(40))
    return made


def narrowings(membership: Membership, days: int) -> dict[str, list[str]]:
    found = summary_of(actor_for(membership), days=days).narrowings
    return {one.connection.name: [permission.name for permission in one.unneeded] for one in found}


def test_permissions_count_as_unneeded_after_the_chosen_days(admin: Membership, wide: Connection) -> None:
    assert narrowings(admin, 90) == {"Wide": ["messages:write"]}
    assert narrowings(admin, 30) == {"Wide": ["messages:read", "messages:write"]}
    summary = summary_of(actor_for(admin), days=30)
    assert (summary.unneeded, summary.permissions, summary.compared) == (2, 3, 1)
    assert (summary.narrowings[0].stay, summary.narrowings[0].total) == (1, 3)


def test_a_young_connection_is_not_judged(admin: Membership, wide: Connection) -> None:
    Connection.objects.update(created_at=days_ago(10))
    ScopeUse.objects.filter(scope="messages:read").delete()
    assert narrowings(admin, 30) == {}


def test_without_calls_that_name_scopes_nothing_is_claimed(admin: Membership, wide: Connection) -> None:
    assert unknown_uses(actor_for(admin)) == []
    ScopeUse.objects.all().delete()
    assert narrowings(admin, 30) == {}
    (unknown,) = unknown_uses(actor_for(admin))
    assert (unknown.name, unknown.connections) == ("Sandbox", 1)
    page = client_for(admin).get(reverse("connections:unneeded_access")).content.decode()
    assert "No calls to compare with" in page
    assert "No call through 1 connection named a permission" in page


def test_unused_connections_are_those_without_a_call_in_the_period(admin: Membership, wide: Connection) -> None:
    assert list(unused_connections(actor_for(admin), days=30)) == []
    Connection.objects.update(last_used_at=days_ago(31))
    assert list(unused_connections(actor_for(admin), days=30)) == [wide]
    assert list(unused_connections(actor_for(admin), days=90)) == []
    Connection.objects.update(last_used_at=None)
    assert list(unused_connections(actor_for(admin), days=90)) == [wide]
    Connection.objects.update(created_at=days_ago(89))
    assert list(unused_connections(actor_for(admin), days=90)) == []


def test_another_teams_connections_are_not_listed(wide: Connection) -> None:
    stranger = make_member(role=Role.OWNER)
    Connection.objects.update(last_used_at=None)
    assert narrowings(stranger, 30) == {}
    assert list(unused_connections(actor_for(stranger), days=30)) == []
    assert unknown_uses(actor_for(stranger)) == []


def test_the_page_lists_what_could_go_and_asks_its_owner(admin: Membership, max_: Membership, wide: Connection) -> None:
    url = reverse("connections:unneeded_access")
    assert client_for(max_).get(url).status_code == 403
    page = client_for(admin).get(url, {"days": "30"}).content.decode()
    assert "1 of 3" in page
    assert "Ask Max Member" in page
    asked = client_for(admin).post(
        reverse("connections:ask_owner", args=[wide.pk]), {"question": "narrow", "days": "30"}, follow=True
    )
    assert "Max Member" in asked.content.decode()
    (message,) = mail.outbox
    assert message.to == [max_.user.email]
    assert "messages:write" in str(message.body)
    assert f"/connections/{wide.pk}/permissions/" in str(message.body)
    assert Notice.objects.get(user=max_.user).title == "Olivia Owner asks you to reconnect with fewer permissions: Wide"
    assert AuditEvent.objects.get(action="connection.owner_asked").detail == {"question": "narrow"}


def test_an_owner_is_asked_the_same_once_a_day(admin: Membership, wide: Connection) -> None:
    Connection.objects.update(last_used_at=days_ago(100))
    wide.refresh_from_db()
    actor = actor_for(admin)
    ask_owner(actor=actor, connection=wide, question=Question.NARROW, days=30)
    ask_owner(actor=actor, connection=wide, question=Question.DISCONNECT, days=90)
    for question in Question:
        with pytest.raises(MailedLately):
            ask_owner(actor=actor, connection=wide, question=question, days=30)
    assert len(mail.outbox) == 2


def test_what_is_needed_is_not_asked_about(admin: Membership, max_: Membership, wide: Connection) -> None:
    with pytest.raises(NotAllowed):
        ask_owner(actor=actor_for(admin), connection=wide, question=Question.DISCONNECT, days=30)
    with pytest.raises(NotAllowed):
        ask_owner(actor=actor_for(max_), connection=wide, question=Question.NARROW, days=30)
    ScopeUse.objects.update_or_create(connection=wide, scope="messages:write", defaults={"last_used_at": NOW})
    with pytest.raises(NotAllowed):
        ask_owner(actor=actor_for(admin), connection=wide, question=Question.NARROW, days=90)
    assert mail.outbox == []


def test_the_page_takes_the_same_queries_at_any_number(
    admin: Membership, wide: Connection, service: Integration, django_assert_max_num_queries: object
) -> None:
    for number in range(30):
        made = make_connection(admin, service, f"Copy {number}", created_at=days_ago(100), scopes_granted=SCOPES)
        ScopeUse.objects.create(connection=made, scope="profile", last_used_at=NOW)
    client = client_for(admin)
    with django_assert_max_num_queries(20):  # type: ignore[operator] # pytest-django's fixture
        page = client.get(reverse("connections:unneeded_access")).content.decode()
    assert "Copy 29" in page
