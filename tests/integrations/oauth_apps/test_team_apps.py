"""A team's own OAuth app, as its owner and admin, a member, a stranger and an anonymous visitor see it."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import (
    client_credentials,
    mark_oauth_app_broken,
    oauth_app_for,
    save_oauth_app,
)
from apps.teams.models import Membership, Role
from tests.factories import actor_for, client_for, make_member, make_user

PAGE, TEST, REMOVE = (reverse(f"integrations:{name}", args=["github"]) for name in ("app", "test_app", "remove_app"))
SERVICE = reverse("connections:service", args=["github"])


@pytest.fixture
def admin(owner: Membership) -> Membership:
    return make_member(owner.team, Role.ADMIN, user=make_user("Ada Admin"))


def add(who: Membership, slug: str = "github", **values: str) -> Any:
    sent = {"client_id": "team-client", "secret": secrets.token_urlsafe(24), **values}
    return client_for(who).post(reverse("integrations:app", args=[slug]), sent)


def html_of(who: Membership, url: str = PAGE) -> str:
    return client_for(who).get(url).content.decode()


def own(who: Membership) -> OAuthApp:
    return OAuthApp.objects.get(team=who.team)


def test_an_admin_brings_an_app_that_wins_over_the_operators(
    set_up: Callable[..., OAuthApp], admin: Membership, stranger: Membership
) -> None:
    operators = set_up("github")
    secret = secrets.token_urlsafe(24)
    assert add(admin, secret=secret)["Location"] == PAGE
    app = own(admin)
    assert oauth_app_for(admin.team, app.integration) == app
    assert oauth_app_for(stranger.team, app.integration) == operators
    assert client_credentials(app).client_secret == secret
    event = AuditEvent.objects.get(action="oauth_app.created", team_id=admin.team_id)
    assert (event.actor_label, event.actor_kind, event.target_id) == ("Ada Admin", "user", str(app.pk))


def test_the_page_shows_the_console_and_the_redirect_uri(loaded: None, owner: Membership) -> None:
    html = html_of(owner)
    assert "https://github.com/settings/developers" in html
    assert "<code>http://127.0.0.1:8000/oauth/callback</code>" in html
    assert "Add OAuth app" in html


def test_the_secret_is_never_on_a_page(loaded: None, owner: Membership) -> None:
    secret = secrets.token_urlsafe(24)
    refused = add(owner, client_id="", secret=secret)
    assert secret not in refused.content.decode()
    add(owner, secret=secret)
    for url in (PAGE, REMOVE, SERVICE):
        assert secret not in html_of(owner, url)
    assert "A secret is stored. Leave empty to keep it." in html_of(owner)
    assert secret not in str(AuditEvent.objects.values_list())


def test_an_empty_secret_keeps_the_stored_one_and_a_new_app_needs_one(loaded: None, owner: Membership) -> None:
    assert "Enter the client secret that GitHub issued." in add(owner, secret="").content.decode()
    add(owner)
    before = client_credentials(own(owner)).client_secret
    add(owner, client_id="renamed", secret="")
    assert (own(owner).client_id, client_credentials(own(owner)).client_secret) == ("renamed", before)


@pytest.mark.parametrize("url", [PAGE, TEST, REMOVE])
def test_members_know_that_there_is_one_and_do_not_see_it(
    loaded: None, owner: Membership, member: Membership, url: str
) -> None:
    add(owner)
    for method in ("get", "post"):
        response = getattr(client_for(member), method)(url)
        assert response.status_code in (403, 405)
        assert "team-client" not in response.content.decode()
    html = html_of(member, SERVICE)
    assert "your team’s own OAuth app" in html
    assert PAGE not in html
    assert OAuthApp.objects.count() == 1


def test_another_team_never_learns_of_it(loaded: None, owner: Membership, stranger: Membership) -> None:
    add(owner)
    assert "team-client" not in html_of(stranger)
    assert "Add OAuth app" in html_of(stranger)
    assert "your team’s own" not in html_of(stranger, SERVICE)
    for url in (TEST, REMOVE):
        assert client_for(stranger).post(url).status_code == 404
    assert client_for(stranger).get(REMOVE).status_code == 404
    assert own(owner).client_id == "team-client"


@pytest.mark.parametrize("url", [PAGE, TEST, REMOVE])
def test_anonymous_visitors_are_redirected_to_the_login_page(loaded: None, client: Client, url: str) -> None:
    response = client.post(url)
    assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("account_login"))


@pytest.mark.parametrize("url", [PAGE, TEST, REMOVE])
def test_without_a_csrf_token_nothing_happens(loaded: None, owner: Membership, url: str) -> None:
    assert client_for(owner, enforce_csrf_checks=True).post(url).status_code == 403
    assert not OAuthApp.objects.exists()


def test_looking_changes_nothing(loaded: None, owner: Membership) -> None:
    add(owner)
    assert client_for(owner).get(TEST).status_code == 405
    html_of(owner, REMOVE)
    assert OAuthApp.objects.exists()


def test_a_service_without_oauth_app_has_no_such_page(owner: Membership, loaded: None) -> None:
    Integration.objects.filter(slug="github").update(kind=Integration.Kind.API_KEY)
    Integration.objects.create(slug="hub", name="Hub", team=owner.team, category="other")
    assert client_for(owner).get(PAGE).status_code == 404
    for slug in ("hub", "no-such"):
        assert client_for(owner).get(reverse("integrations:app", args=[slug])).status_code == 404


def test_parameters_are_fields_and_unfit_ones_are_refused_beside_them(loaded: None, owner: Membership) -> None:
    html = add(owner, "sandbox", param_origin="http://evil.example/#").content.decode()
    assert "Origin must look like http://127.0.0.1:8100." in html
    assert "Origin</a>:" in html
    assert not OAuthApp.objects.exists()
    add(owner, "sandbox", param_origin="https://sandbox.example")
    assert own(owner).params == {"origin": "https://sandbox.example"}


def test_a_stored_secret_does_not_follow_a_changed_address(loaded: None, owner: Membership) -> None:
    add(owner, "sandbox", param_origin="https://sandbox.example")
    html = add(owner, "sandbox", param_origin="https://elsewhere.example", secret="").content.decode()
    assert "Enter the client secret again" in html
    assert own(owner).params == {"origin": "https://sandbox.example"}


def test_programs_do_not_move_a_stored_secret_to_a_changed_address_either(loaded: None, owner: Membership) -> None:
    add(owner, "sandbox", param_origin="https://sandbox.example")
    with pytest.raises(InvalidInput, match="Enter the client secret again"):
        save_oauth_app(
            origin=actor_for(owner).origin,
            integration=Integration.objects.get(slug="sandbox"),
            team=owner.team,
            client_id="team-client",
            params={"origin": "https://elsewhere.example"},
        )
    assert own(owner).params == {"origin": "https://sandbox.example"}


def test_what_the_protocol_fills_in_cannot_be_overridden(loaded: None, owner: Membership) -> None:
    html = add(owner, authorization_params="redirect_uri=https://evil.example").content.decode()
    assert "redirect_uri is set by the protocol" in html
    assert '<details class="details" open>' in html
    assert not OAuthApp.objects.exists()


def test_removal_needs_confirmation_and_falls_back_to_the_operators_app(
    set_up: Callable[..., OAuthApp], owner: Membership
) -> None:
    operators = set_up("github")
    add(owner)
    assert "Remove your team’s OAuth app at GitHub?" in html_of(owner, REMOVE)
    assert client_for(owner).post(REMOVE)["Location"] == SERVICE
    assert oauth_app_for(owner.team, operators.integration) == operators
    assert AuditEvent.objects.get(action="oauth_app.deleted").actor_label == "Mara Lindqvist"


def test_removing_it_is_refused_while_connections_depend_on_it(
    loaded: None, connect: Callable[..., Connection], owner: Membership
) -> None:
    add(owner)
    connection = connect(owner, "github")
    Connection.objects.update(oauth_app=own(owner))
    response = client_for(owner).post(REMOVE)
    assert response.status_code == 409
    assert "is used by 1 connection, which could not be refreshed or revoked" in response.content.decode()
    assert connection.name in html_of(owner)
    connection.delete()
    client_for(owner).post(REMOVE)
    assert not OAuthApp.objects.exists()


@pytest.mark.parametrize(
    ("left", "words"), [(61, ""), (60, "expires in 60 days"), (7, "expires in 7 days"), (-1, "The secret expired")]
)
def test_the_page_warns_of_an_expiring_secret_and_its_connections(
    loaded: None, connect: Callable[..., Connection], owner: Membership, left: int, words: str
) -> None:
    day = timezone.now().date() + timedelta(days=left)
    add(owner, secret_expires_on=day.isoformat())
    connect(owner, "github", name="mara-at-work")
    Connection.objects.update(oauth_app=own(owner))
    html = html_of(owner)
    assert (words in html) if words else "notice--warn" not in html
    assert ("expires: mara-at-work" in " ".join(html.split())) == bool(words)


def test_a_refused_own_app_is_the_teams_matter(loaded: None, owner: Membership, member: Membership) -> None:
    add(owner)
    mark_oauth_app_broken(oauth_app=own(owner), code="invalid_client")
    assert "GitHub rejects this OAuth app" in html_of(owner)
    assert "An owner or admin of your team has to fix it" in html_of(member, SERVICE)


def test_the_team_can_set_up_a_service_that_is_not_set_up(loaded: None, owner: Membership, member: Membership) -> None:
    assert "Add your team’s OAuth app" in html_of(owner, SERVICE)
    assert "Add your team" not in html_of(member, SERVICE)


def test_the_service_page_offers_what_the_app_may_ask_for(loaded: None, owner: Membership) -> None:
    add(owner, scopes_allowed="read:user", extra_scopes="copilot")
    html = html_of(owner, SERVICE)
    values = [part.partition('value="')[2].partition('"')[0] for part in html.split('type="checkbox"')[1:]]
    assert values == ["read:user", "copilot"]
    assert 'name="other_scopes"' not in html
    add(owner, secret="")
    assert 'name="other_scopes"' in html_of(owner, SERVICE)
