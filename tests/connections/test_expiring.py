"""What ends soon: the list, who sees what in it, and the reminders."""

from datetime import date, timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection, Credential, TokenSet
from apps.connections.services.expiring import expiring, set_key_end
from apps.connections.services.expiry_mail import send_expiry_mails
from apps.errors import NotAllowed
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration, OAuthApp
from apps.notifications.preferences import set_preferences
from apps.teams.models import ApiKey, Membership, Role
from tests.connections.pages import make_connection, set_up_service, share
from tests.factories import actor_for, client_for, make_key, make_member, make_user

pytestmark = pytest.mark.django_db
TODAY = timezone.now().date()


@pytest.fixture
def owner() -> Membership:
    return make_member(user=make_user("Olivia"))


@pytest.fixture
def service() -> Integration:
    return set_up_service()


@pytest.fixture
def key(owner: Membership, service: Integration) -> Connection:
    connection = make_connection(owner, service, "Billing")
    now = timezone.now()
    Credential.objects.create(connection=connection, team=owner.team, fields="{}", created_at=now)
    return connection


def in_days(days: int) -> date:
    return TODAY + timedelta(days=days)


def ids(membership: Membership) -> list[str]:
    return [one.label for one in expiring(actor_for(membership), today=TODAY)]


def test_a_key_with_an_end_date_is_listed(owner: Membership, key: Connection) -> None:
    assert ids(owner) == []
    set_key_end(actor=actor_for(owner), connection=key, on=in_days(20))
    assert ids(owner) == ["Key"]
    page = client_for(owner).get(reverse("connections:expiring")).content.decode()
    assert "Within 30 days" in page
    assert "Billing" in page
    assert "Billing" not in client_for(owner).get(reverse("connections:expiring"), {"within": "7"}).content.decode()
    set_key_end(actor=actor_for(owner), connection=key, on=None)
    assert ids(owner) == []


def test_a_day_in_the_past_and_others_are_refused(owner: Membership, key: Connection) -> None:
    with pytest.raises(InvalidInput):
        set_key_end(actor=actor_for(owner), connection=key, on=in_days(-1))
    share(key)
    with pytest.raises(NotAllowed):
        set_key_end(actor=actor_for(make_member(owner.team)), connection=key, on=in_days(1))


def test_who_may_only_use_a_connection_does_not_see_its_end(owner: Membership, key: Connection) -> None:
    set_key_end(actor=actor_for(owner), connection=key, on=in_days(3))
    share(key, "use")
    assert ids(make_member(owner.team)) == []


def test_grants_that_nothing_refreshes_are_listed(owner: Membership, service: Integration) -> None:
    connection = make_connection(owner, service)
    assert ids(owner) == []
    TokenSet.objects.filter(connection=connection).update(refresh_token=None)
    assert ids(owner) == ["Grant"]


def test_admins_see_service_keys_and_client_secrets(owner: Membership, key: Connection) -> None:
    admin = make_member(owner.team, Role.ADMIN)
    make_key(admin, ApiKey.Kind.SERVICE, days=10)
    make_key(owner, days=10)
    OAuthApp.objects.update(secret_expires_on=in_days(5))
    assert ids(admin) == ["Client secret", "API key"]
    assert ids(owner) == ["API key"]


def test_one_reminder_at_each_threshold(owner: Membership, key: Connection) -> None:
    end = in_days(31)
    set_key_end(actor=actor_for(owner), connection=key, on=end)
    sent = [send_expiry_mails(today=TODAY + timedelta(days=passed)) for passed in range(33)]
    assert [passed for passed, count in enumerate(sent) if count] == [1, 24, 30]
    assert mail.outbox[0].to == [owner.user.email]
    assert mail.outbox[0].subject == f"Key Billing (Sandbox) ends in 30 days ({end:%-d %b %Y})"


def test_no_reminder_for_who_switched_them_off(owner: Membership, key: Connection) -> None:
    set_key_end(actor=actor_for(owner), connection=key, on=in_days(1))
    set_preferences(user=owner.user, attention="at_once", recovery="at_once", expiry="off")
    assert send_expiry_mails(today=TODAY) == 0


def test_a_mail_that_fails_is_sent_again(owner: Membership, key: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    set_key_end(actor=actor_for(owner), connection=key, on=in_days(1))
    with monkeypatch.context() as patch:
        patch.setattr("apps.connections.services.expiry_mail.send", _fails)
        assert send_expiry_mails(today=TODAY) == 0
    assert send_expiry_mails(today=TODAY) == 1


def _fails(*args: object, **kwargs: object) -> int:
    raise OSError


def test_my_move_is_by_person_and_not_by_name(owner: Membership, key: Connection) -> None:
    namesake = make_member(owner.team, Role.ADMIN, user=make_user("Olivia"))
    set_key_end(actor=actor_for(owner), connection=key, on=in_days(20))
    url = reverse("connections:expiring")
    assert "Billing" in client_for(owner).get(url, {"whose": "me"}).content.decode()
    assert "Billing" in client_for(namesake).get(url).content.decode()
    assert "Billing" not in client_for(namesake).get(url, {"whose": "me"}).content.decode()


def test_the_list_comes_in_pages(owner: Membership, service: Integration) -> None:
    for number in range(51):
        connection = make_connection(owner, service, f"Key {number}")
        Credential.objects.create(
            connection=connection, team=owner.team, fields="{}", created_at=timezone.now(), expires_on=in_days(20)
        )
    first = client_for(owner).get(reverse("connections:expiring")).content.decode()
    assert first.count('class="c-title"') == 50
    second = client_for(owner).get(reverse("connections:expiring"), {"page": "2"}).content.decode()
    assert second.count('class="c-title"') == 1
