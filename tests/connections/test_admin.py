"""The operators' list of connections: states in words, and what can be done with them."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.connections.models import Connection, TokenSet
from apps.teams.models import User
from tests.connections.pages import make_connection, set_up_service
from tests.factories import make_member, make_user

pytestmark = pytest.mark.django_db
LIST = reverse("admin:connections_connection_changelist")


def signed_in(*, is_superuser: bool = True) -> Client:
    user = make_user("Olu Operator")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=is_superuser)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.fixture
def connection() -> Connection:
    return make_connection(make_member(), set_up_service(), "Northwind")


def act(client: Client, action: str, connection: Connection, **more: str) -> str:
    data = {"action": action, "_selected_action": str(connection.pk), **more}
    return client.post(LIST, data, follow=True).content.decode()


def test_states_and_reasons_are_words(connection: Connection) -> None:
    client = signed_in()
    assert "Working" in client.get(LIST).content.decode()
    act(client, "mark_for_reconnect", connection)
    html = client.get(LIST).content.decode()
    assert "Needs attention" in html
    assert "No longer accepted" in html
    assert "reauthorization_required</td>" not in html
    assert TokenSet.objects.get().next_refresh_at is None
    events = reverse("admin:audit_auditevent_changelist")
    page = reverse("admin:connections_connection_change", args=[connection.pk])
    assert f"{events}?target_id={connection.pk}" in client.get(page).content.decode()
    assert "Northwind" in client.get(events, {"target_id": str(connection.pk)}).content.decode()


def test_revoking_is_confirmed_first(connection: Connection) -> None:
    client = signed_in()
    assert "Revoke 1 connection" in act(client, "revoke", connection)
    assert Connection.objects.exists()
    act(client, "revoke", connection, confirm="yes")
    assert not Connection.objects.exists()


def test_who_may_only_view_the_administration_cannot_revoke(connection: Connection) -> None:
    client = signed_in(is_superuser=False)
    act(client, "revoke", connection, confirm="yes")
    act(client, "mark_for_reconnect", connection)
    assert Connection.objects.get().status == "active"
