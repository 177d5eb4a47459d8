"""The actor of a request: its team and origin, and what pages require."""

import hashlib
import secrets

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.teams.middleware import SESSION_TEAM, ActorMiddleware
from apps.teams.models import ApiKey, Invitation, Membership, Role, Team
from apps.teams.origin import client_address, origin_of
from tests.factories import actor_for, client_for, make_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db


def _seen(client: Client):
    return client.get(reverse("teams:members")).wsgi_request


def test_the_actor_is_the_member_in_the_current_team_of_the_session() -> None:
    first = make_member(role=Role.OWNER)
    second = make_member(make_team("Kestrel Films"), user=first.user)
    actor = _seen(client_for(second)).actor
    assert (actor.team, actor.user, actor.role) == (second.team, first.user, Role.MEMBER)


def test_a_foreign_team_in_the_session_is_ignored() -> None:
    member = make_member()
    foreign = make_member(make_team("Kestrel Films"), user=make_user("Stranger"))
    client = client_for(member)
    session = client.session
    session[SESSION_TEAM] = str(foreign.team_id)
    session.save()
    assert _seen(client).actor.team == member.team


@pytest.mark.parametrize("value", ["nonsense", None, 7, ["x"]])
def test_an_invalid_team_in_the_session_falls_back_to_the_first_team(value: object) -> None:
    member = make_member()
    client = client_for(member)
    session = client.session
    session[SESSION_TEAM] = value
    session.save()
    assert _seen(client).actor.team == member.team


def test_a_removed_member_has_no_access_from_the_next_request_on() -> None:
    member = make_member()
    client = client_for(member)
    assert client.get(reverse("teams:members")).status_code == 200
    member.delete()
    assert client.get(reverse("teams:members")).headers["Location"] == reverse("teams:create")


def test_it_makes_one_query_and_none_if_signed_out(django_assert_num_queries) -> None:
    member = make_member()
    make_member(make_team("Kestrel Films"), user=member.user)
    request = RequestFactory().get("/")
    request.COOKIES[configured.SESSION_COOKIE_NAME] = "a session"
    request.user, request.session = member.user, {}
    with django_assert_num_queries(1):
        ActorMiddleware(lambda _: HttpResponse())(request)
        assert str(request.actor.team)
        assert str(request.actor.user)
        assert [membership.team.name for membership in request.memberships]
    request.user = AnonymousUser()
    with django_assert_num_queries(0):
        ActorMiddleware(lambda _: HttpResponse())(request)
    assert request.actor is None


def test_a_forwarded_address_is_used_only_behind_a_proxy(settings) -> None:
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"})
    settings.BEHIND_PROXY = False
    assert client_address(request) == "127.0.0.1"
    settings.BEHIND_PROXY = True
    assert client_address(request) == "198.51.100.7"


@pytest.mark.parametrize("value", ["", "garbage", "1.2.3.4:80", "203.0.113.9, unknown", "' OR 1=1"])
def test_an_invalid_forwarded_address_is_ignored(settings, value: str) -> None:
    settings.BEHIND_PROXY = True
    assert client_address(RequestFactory().get("/", headers={"X-Forwarded-For": value})) == "127.0.0.1"


def test_a_request_without_an_address_has_none() -> None:
    assert client_address(RequestFactory().get("/", REMOTE_ADDR="")) is None


def test_the_actor_in_the_admin_is_an_operator() -> None:
    user = make_user("Operator")
    request = RequestFactory().get("/admin/teams/team/", headers={"User-Agent": "Browser\x1b[0m" + "x" * 400})
    request.user = user
    origin = origin_of(request)
    assert (origin.kind, origin.id, origin.label) == ("operator", str(user.pk), "Operator")
    assert "\x1b" not in origin.user_agent
    assert len(origin.user_agent) == 300


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_person_without_a_team_creates_one_and_is_in_it() -> None:
    client = Client()
    client.force_login(make_user())
    assert client.get(reverse("teams:members")).headers["Location"] == reverse("teams:create")
    assert "Name your team" in client.get(reverse("teams:create")).content.decode()
    assert client.post(reverse("teams:create"), {"name": " "}).status_code == 200
    assert not Team.objects.exists()
    client.post(reverse("teams:create"), {"name": "Fernhill"})
    assert _seen(client).actor.is_owner


def test_switching_is_limited_to_the_persons_own_teams() -> None:
    first = make_member()
    second = make_member(make_team("Kestrel Films"), user=first.user)
    foreign = make_team("Foreign")
    client = client_for(first)
    assert client.post(reverse("teams:switch"), {"team": str(second.team_id)}).status_code == 302
    assert _seen(client).actor.team == second.team
    for wanted in (str(foreign.pk), "nonsense", ""):
        assert client.post(reverse("teams:switch"), {"team": wanted}).status_code == 404
    assert _seen(client).actor.team == second.team
    assert client.get(reverse("teams:switch")).status_code == 405


@pytest.fixture
def pages() -> tuple[Membership, list[str]]:
    """An owner, and the URL of every page that changes something."""
    owner = make_member(role=Role.OWNER)
    other = make_member(owner.team, user=make_user("Kwame"))
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        team=make_team("Inviting"),
        email=owner.user.email,
        token_hash=hashlib.sha256(token.encode()).hexdigest(),
        expires_at="2100-01-01T00:00:00Z",
    )
    return owner, [
        reverse("teams:create"),
        reverse("teams:switch"),
        reverse("teams:members"),
        reverse("teams:rename"),
        reverse("connections:leave_team"),
        reverse("teams:api_keys"),
        reverse("teams:change_role", args=[other.pk]),
        reverse("connections:remove_member", args=[other.pk]),
        reverse("teams:revoke_invitation", args=[invitation.pk]),
        reverse("teams:revoke_api_key", args=[make_key(owner)[0].pk]),
        reverse("teams:accept_invitation", args=[token]),
    ]


def _state() -> list[object]:
    models = (Team, Membership, Invitation, ApiKey, AuditEvent)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_a_get_changes_nothing(pages: tuple[Membership, list[str]]) -> None:
    owner, addresses = pages
    client = client_for(owner)
    before = _state()
    for address in addresses:
        for query in ("", "?role=member&team=x&name=x&emails=a@b.example&scopes=audit:read&kind=service"):
            assert client.get(address + query).status_code in (200, 405)
            assert client.head(address + query).status_code in (200, 405)
    assert _state() == before


def test_every_change_requires_the_csrf_token(pages: tuple[Membership, list[str]]) -> None:
    owner, addresses = pages
    client = client_for(owner, enforce_csrf_checks=True)
    before = _state()
    for address in addresses:
        assert client.post(address).status_code == 403
    assert _state() == before


def test_signed_out_visitors_are_redirected_to_login(pages: tuple[Membership, list[str]]) -> None:
    _, addresses = pages
    for address in addresses[:-1]:
        for method in ("get", "post"):
            response = getattr(Client(), method)(address)
            assert response.status_code == 302
            assert response.headers["Location"].startswith(reverse("account_login"))


def test_members_cannot_open_the_pages_of_admins(pages: tuple[Membership, list[str]]) -> None:
    owner, addresses = pages
    client = client_for(make_member(owner.team, user=make_user("Sunniva")))
    assert client.get(reverse("teams:rename")).status_code == 403
    for address in addresses[6:9]:
        assert client.post(address, {"role": "member"}).status_code == 403
    page = client.get(reverse("teams:members")).content.decode()
    assert "Invite people" not in page
    assert actor_for(owner).label in page


def test_the_members_page_makes_a_fixed_number_of_queries(django_assert_max_num_queries) -> None:
    owner = make_member(role=Role.OWNER)
    for number in range(12):
        make_member(owner.team, user=make_user(f"Person {number}"))
    client = client_for(owner)
    with django_assert_max_num_queries(14):
        assert client.get(reverse("teams:members")).status_code == 200
