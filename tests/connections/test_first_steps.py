"""The first steps: what counts as done, closing the list and showing it again."""

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection
from apps.connections.services.first_steps import first_steps_of
from apps.teams.models import Membership
from tests.connections.pages import make_connection, set_up_service, share
from tests.factories import actor_for, client_for, make_key, make_member, make_user

pytestmark = pytest.mark.django_db
LIST = reverse("connections:list")


@pytest.fixture
def ada() -> Membership:
    return make_member(user=make_user("Ada"))


@pytest.fixture
def first(ada: Membership) -> Connection:
    return make_connection(ada, set_up_service(), "Ada")


def done(membership: Membership) -> list[bool]:
    return [step.is_done for step in first_steps_of(actor_for(membership))]


def test_there_are_none_before_the_first_connection_of_ones_own(ada: Membership) -> None:
    colleague = make_member(ada.team)
    make_connection(colleague, set_up_service())
    assert first_steps_of(actor_for(ada)) == []


def test_each_step_is_done_by_what_it_names_and_the_list_ends(ada: Membership, first: Connection) -> None:
    assert done(ada) == [True, False, False, False]
    Connection.objects.update(last_used_at=timezone.now())
    assert done(ada) == [True, True, False, False]
    share(first)
    assert done(ada) == [True, True, True, False]
    make_key(ada)
    assert first_steps_of(actor_for(ada)) == []


def test_they_are_closed_for_one_person_and_shown_again_from_the_account(ada: Membership, first: Connection) -> None:
    client = client_for(ada)
    assert "First steps" in client.get(LIST).content.decode()
    assert "Show the first steps again" not in client.get(reverse("web:account")).content.decode()
    client.post(reverse("connections:first_steps"))
    assert "First steps" not in client.get(LIST).content.decode()
    colleague = make_member(ada.team)
    make_connection(colleague, first.integration, "Grace")
    assert "First steps" in client_for(colleague).get(LIST).content.decode()
    assert "Show the first steps again" in client.get(reverse("web:account")).content.decode()
    client.post(reverse("connections:first_steps"), {"show": "yes"})
    assert "First steps" in client.get(LIST).content.decode()
