"""Asking for a service that is not set up."""

import pytest
from django.core import mail
from django.urls import reverse

from apps.errors import NotAllowed
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.models import Integration, ServiceRequest
from apps.integrations.oauth_apps.requests import ask_for, notify_of_set_up
from apps.integrations.oauth_apps.services import ensure_oauth_app
from apps.notifications.models import Notice
from apps.teams.models import Membership, Role
from tests.factories import actor_for, client_for, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def github() -> Integration:
    load_catalog()
    return Integration.objects.get(slug="github", team=None)


@pytest.fixture
def member() -> Membership:
    return make_member(user=make_user("Max Member"))


@pytest.fixture
def admin(member: Membership) -> Membership:
    return make_member(member.team, Role.ADMIN, user=make_user("Ada Admin"))


def test_a_member_asks_and_admins_see_it(github: Integration, member: Membership, admin: Membership) -> None:
    service = reverse("connections:service", args=["github"])
    assert "Ask for GitHub" in client_for(member).get(service).content.decode()
    assert "Ask for GitHub" not in client_for(admin).get(service).content.decode()
    client_for(member).post(reverse("integrations:ask_for", args=["github"]), {"note": "Release notes"})
    html = client_for(admin).get(service).content.decode()
    assert "1 person asked for it" in html
    assert "Release notes" in html
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == ([admin.user.email], "Max Member asks for GitHub")
    plugins = reverse("connections:plugins")
    assert "Set up, 1 person asked" in client_for(admin).get(plugins, {"search": "github"}).content.decode()
    assert "Ask for it" in client_for(member).get(plugins, {"search": "github"}).content.decode()


def test_the_second_request_is_counted_and_not_mailed(
    github: Integration, member: Membership, admin: Membership
) -> None:
    other = make_member(member.team)
    assert [ask_for(actor=actor_for(one), integration=github, note="") for one in (member, other, member)] == [
        True,
        True,
        False,
    ]
    assert ServiceRequest.objects.count() == 2
    assert len(mail.outbox) == 1


def test_who_asked_is_notified_once_it_can_be_connected(github: Integration, member: Membership) -> None:
    ask_for(actor=actor_for(member), integration=github, note="")
    assert notify_of_set_up() == 0
    ensure_oauth_app(integration_slug="github", client_id="id", client_secret="made-up", params={})
    assert (notify_of_set_up(), notify_of_set_up()) == (1, 0)
    assert Notice.objects.get(user=member.user).title == "GitHub can be connected"
    with pytest.raises(NotAllowed):
        ask_for(actor=actor_for(member), integration=github, note="")


def test_requests_of_another_team_are_not_shown(github: Integration, member: Membership) -> None:
    ask_for(actor=actor_for(member), integration=github, note="of the others")
    elsewhere = make_member(role=Role.ADMIN)
    assert (
        "of the others"
        not in client_for(elsewhere).get(reverse("connections:service", args=["github"])).content.decode()
    )
