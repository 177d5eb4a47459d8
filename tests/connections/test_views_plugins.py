"""The Plugins page and the page of a service, as the owner, a member, a stranger and an anonymous visitor see them."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection, Status
from apps.connections.views import plugin_cards
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.sync import load_catalog, set_enabled
from apps.integrations.forms import check_connect_request
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import mark_oauth_app_broken
from apps.teams.models import Membership
from tests.factories import client_for
from tests.fixtures.integrations import FEW, ORIGIN
from tests.integrations.custom import DESCRIBED
from tests.integrations.oauth_apps.test_services import OPERATOR

# Services are searched and ordered in Python, by the catalog. What counts or lists connections is marked.
pytestmark = pytest.mark.same_on_each_database
PLUGINS = reverse("connections:plugins")


def html_of(who: Membership, url: str = PLUGINS, **data: str) -> str:
    response = client_for(who).get(url, data)
    assert response.status_code == 200
    return response.content.decode()


def card(html: str, name: str) -> str:
    """The card of a service, from its name to the end of its state."""
    return html.partition(f">{name}</a>")[2].partition("</li>")[0]


def names(html: str) -> list[str]:
    return [part.partition("</a>")[0].rpartition(">")[2] for part in html.split('class="card__name"')[1:]]


def service_url(slug: str) -> str:
    return reverse("connections:service", args=[slug])


# --- who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [PLUGINS, service_url("github")])
def test_anonymous_users_are_sent_to_the_login_page(loaded: None, client: Client, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("url", [PLUGINS, service_url("github")])
def test_the_pages_only_allow_reading(owner: Membership, loaded: None, url: str) -> None:
    assert client_for(owner).post(url).status_code == 405


def test_an_unknown_service_is_not_found(owner: Membership, loaded: None) -> None:
    assert client_for(owner).get(service_url("no-such-service")).status_code == 404


@pytest.mark.on_each_database
def test_another_teams_custom_api_is_neither_listed_nor_found(owner: Membership, stranger: Membership) -> None:
    Integration.objects.create(slug="carrier-hub", name="Carrier Hub", team=owner.team, category="custom", **DESCRIBED)
    assert "Carrier Hub" in html_of(owner)
    assert "Carrier Hub" not in html_of(stranger)
    assert client_for(stranger).get(service_url("carrier-hub")).status_code == 404


def test_a_custom_api_never_hides_a_built_in_service_of_the_same_slug(owner: Membership, loaded: None) -> None:
    Integration.objects.create(slug="github", name="Our own", team=owner.team, category="custom", **DESCRIBED)
    assert "<h1>GitHub</h1>" in html_of(owner, service_url("github"))


# --- Plugins --------------------------------------------------------------------------------------------------------


@pytest.mark.on_each_database
def test_counts_include_visible_connections_only(
    loaded: None, connect: Callable[..., Connection], owner: Membership, member: Membership, stranger: Membership
) -> None:
    connect(member, "github")
    connect(member, "github", shared=True)
    connect(owner, "github")
    assert "3 connected" in card(html_of(owner), "GitHub")  # an admin sees the whole team's
    assert "2 connected" in card(html_of(member), "GitHub")
    assert "connected" not in card(html_of(stranger), "GitHub")


def test_what_needs_attention_comes_first_then_what_is_connected_then_the_rest_by_name(
    loaded: None, connect: Callable[..., Connection], owner: Membership
) -> None:
    connect(owner, "notion")
    connect(owner, "slack")
    connect(owner, "slack", status=Status.NEEDS_ATTENTION)
    html = html_of(owner)
    assert names(html) == ["Slack", "Notion", "Google Drive", "GitHub", "Microsoft Graph", "Sandbox"]
    assert "2 connected, 1 needs attention" in card(html, "Slack")


def test_a_card_shows_whether_the_service_is_set_up(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    set_up("github")
    html = html_of(owner)
    assert ">Connect<" in card(html, "GitHub")
    assert "Set up" in card(html, "Slack")


def test_the_page_of_a_service_shows_whether_the_entry_was_verified(db: None, owner: Membership) -> None:
    load_catalog()
    assert "settings match the documentation" in html_of(owner, service_url("github"))
    assert "have not been compared" in html_of(owner, service_url("wrike"))


def test_the_page_holds_the_first_sixty_services_and_the_rest_is_added(db: None, owner: Membership) -> None:
    load_catalog()
    first = names(html_of(owner))
    assert len(first) == 60
    # Without a script, a page is shown with those before it.
    two_pages = names(html_of(owner, page="2"))
    assert two_pages[:60] == first
    assert len(two_pages) == 120
    more = client_for(owner).get(PLUGINS, {"page": "2"}, headers={"hx-request": "true"}).content.decode()
    assert names(more) == two_pages[60:]
    assert "page=3" in more
    assert "<nav" not in more


def test_the_last_page_offers_no_further_one(loaded: None, owner: Membership) -> None:
    assert "Show more" not in html_of(owner)


def test_popular_services_come_after_the_connected_ones(
    loaded: None, connect: Callable[..., Connection], owner: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(owner, "notion")
    ranks = {"slack": 1, "github": 2, "notion": 3}
    cards = plugin_cards.cards
    monkeypatch.setattr(
        plugin_cards,
        "cards",
        lambda rows, **more: [replace(card, popular=ranks.get(card.integration.slug)) for card in cards(rows, **more)],
    )
    assert names(html_of(owner)) == ["Notion", "Slack", "GitHub", "Google Drive", "Microsoft Graph", "Sandbox"]


def test_the_teams_own_apis_come_before_popular_services(db: None, owner: Membership) -> None:
    load_catalog()
    Integration.objects.create(slug="zebra", name="Zebra", team=owner.team, category="custom", **DESCRIBED)
    assert names(html_of(owner))[0] == "Zebra"


@pytest.mark.parametrize("search", ["", "no such service"])
def test_admins_can_add_a_custom_api_from_here(
    loaded: None, owner: Membership, member: Membership, search: str
) -> None:
    assert "Add a custom API" in html_of(owner, search=search)
    assert "Add a custom API" not in html_of(member, search=search)


def test_what_can_be_connected_comes_before_what_is_not_set_up(
    set_up: Callable[..., OAuthApp], connect: Callable[..., Connection], owner: Membership
) -> None:
    set_up("slack")
    connect(owner, "notion")
    assert names(html_of(owner)) == ["Notion", "Slack", "Google Drive", "GitHub", "Microsoft Graph", "Sandbox"]


def test_a_cached_card_never_shows_another_state(
    set_up: Callable[..., OAuthApp], connect: Callable[..., Connection], owner: Membership, stranger: Membership
) -> None:
    set_up("slack")
    connect(owner, "slack")
    assert "1 connected" in card(html_of(owner), "Slack")
    assert "connected" not in card(html_of(stranger), "Slack")


def test_hundreds_of_cards_take_no_more_queries_than_a_few(loaded: None, owner: Membership) -> None:
    client = client_for(owner)
    client.get(PLUGINS)
    counts = []
    for shown in (len(FEW), 60):
        with CaptureQueriesContext(connection) as queries:
            assert len(names(client.get(PLUGINS).content.decode())) == shown
        counts.append(len(queries))
        load_catalog()
    assert counts[0] == counts[1]


def test_an_optional_parameter_may_be_left_empty(db: None, owner: Membership, set_up: Callable[..., OAuthApp]) -> None:
    entry = catalog()["google-ads"]
    scopes = [scope.name for scope in entry.scopes if scope.default]
    assert check_connect_request(entry, scopes=scopes, params={}) == (scopes, {"login_customer_id": ""})


def test_another_teams_oauth_app_does_not_set_a_service_up(
    loaded: None, owner: Membership, stranger: Membership
) -> None:
    OAuthApp.objects.create(integration=Integration.objects.get(slug="slack"), team=stranger.team, client_id="id")
    assert "Set up" in card(html_of(owner), "Slack")
    assert ">Connect<" in card(html_of(stranger), "Slack")


def test_the_sandbox_is_the_first_thing_to_try_once_it_is_set_up(
    set_up: Callable[..., OAuthApp], owner: Membership
) -> None:
    assert "Try it with the sandbox" not in html_of(owner)
    set_up("sandbox", origin=ORIGIN)
    html = html_of(owner)
    assert "Try it with the sandbox" in html
    assert "Sandbox" not in names(html)
    assert names(html_of(owner, search="sandbox")) == ["Sandbox"]


def test_the_sandbox_is_always_in_the_search_or_the_list(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    set_up("sandbox", origin=ORIGIN)
    client = client_for(owner)
    cleared = client.get(PLUGINS, headers={"HX-Request": "true"}).content.decode()
    assert 'id="hero-slot" hx-swap-oob="true"' in cleared
    assert "Try it with the sandbox" in cleared
    searched = client.get(PLUGINS, {"search": "sand"}, headers={"HX-Request": "true"}).content.decode()
    assert "Try it with the sandbox" not in searched
    assert names(searched) == ["Sandbox"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("git", ["GitHub"]), ("PAGES", ["Notion"]), ("files drive", ["Google Drive"]), ("communication", ["Slack"])],
)
def test_the_search_covers_name_description_and_category(
    loaded: None, owner: Membership, search: str, found: list[str]
) -> None:
    assert names(html_of(owner, search=search)) == found


def test_no_matches_offers_to_clear_the_search(loaded: None, owner: Membership) -> None:
    html = html_of(owner, search="zzz<script>")
    assert "No matching services" in html
    assert "Clear filters" in html
    assert "zzz<script>" not in html


def test_a_category_shows_its_services_and_keeps_the_search(
    loaded: None, connect: Callable[..., Connection], owner: Membership
) -> None:
    connect(owner, "notion")
    assert names(html_of(owner, category="communication")) == ["Slack"]
    assert names(html_of(owner, category="connected")) == ["Notion"]
    assert "?search=s&amp;category=communication" in html_of(owner, search="s")
    assert len(names(html_of(owner, category="nonsense"))) == 6


def test_htmx_gets_only_the_list_and_caches_vary(loaded: None, owner: Membership) -> None:
    client = client_for(owner)
    part = client.get(PLUGINS, {"search": "git"}, headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert names(part.content.decode()) == ["GitHub"]
    assert "HX-Request" in part["Vary"]
    back = client.get(PLUGINS, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert b"<html" in back.content


def test_a_disabled_service_is_listed_only_with_connections(
    loaded: None, connect: Callable[..., Connection], owner: Membership, stranger: Membership
) -> None:
    connect(owner, "slack")
    set_enabled(origin=OPERATOR, integration=Integration.objects.get(slug="slack"), is_enabled=False)
    assert "Slack" in names(html_of(owner))
    assert "Slack" not in names(html_of(stranger))
    page = html_of(owner, service_url("slack"))
    assert "New connections are disabled" in page
    assert "data-connect" not in page


def test_the_list_takes_as_many_queries_for_many_services_as_for_few(loaded: None, owner: Membership) -> None:
    client = client_for(owner)
    client.get(PLUGINS)
    with CaptureQueriesContext(connection) as few:
        client.get(PLUGINS)
    Integration.objects.bulk_create(
        Integration(slug=f"own-{number}", name=f"Own {number}", category="custom", team=owner.team, **DESCRIBED)
        for number in range(30)
    )
    with CaptureQueriesContext(connection) as many:
        client.get(PLUGINS)
    assert len(many) == len(few)


# --- one service ----------------------------------------------------------------------------------------------------


def test_only_the_suggested_scopes_are_selected(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    set_up("sandbox", origin=ORIGIN)
    html = html_of(owner, service_url("sandbox"))
    ticked = {part.partition('value="')[2].partition('"')[0]: "checked" in part.partition(">")[0]
              for part in html.split('type="checkbox"')[1:]}  # fmt: skip
    assert ticked == {"profile": True, "messages:read": True, "messages:write": False, "workspace:admin": False}
    assert f'action="{reverse("connections:connect", args=["sandbox"])}"' in html
    assert "Opens" in html
    assert "127.0.0.1:8100" in html
    assert "badge--admin" in html
    assert "scope__caution" in html


def test_a_service_without_scopes_explains_the_consent(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    set_up("notion")
    html = html_of(owner, service_url("notion"))
    assert 'type="checkbox"' not in html
    assert "after you sign in there" in html


def test_parameters_have_an_example(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    set_up("microsoft-graph")
    html = html_of(owner, service_url("microsoft-graph"))
    assert 'name="param.tenant"' in html
    assert "contoso.onmicrosoft.com" in html


def test_only_operators_are_sent_to_set_up_the_oauth_app(loaded: None, owner: Membership) -> None:
    slack = Integration.objects.get(slug="slack")
    add = f"{reverse('admin:integrations_oauthapp_add')}?integration={slack.pk}"
    html = html_of(owner, service_url("slack"))
    assert "Not set up yet" in html
    assert "data-connect" not in html
    assert add not in html
    owner.user.is_staff = True
    owner.user.save()
    assert add in html_of(owner, service_url("slack"))


def test_a_refused_oauth_app_is_for_the_operator_to_fix(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    mark_oauth_app_broken(oauth_app=set_up("github"), code="invalid_client")
    html = html_of(owner, service_url("github"))
    assert "GitHub rejects the OAuth app" in html
    assert "invalid_client" in html
    assert "This is not about your account" in html


@pytest.mark.on_each_database
def test_only_visible_connections_are_listed(
    loaded: None, connect: Callable[..., Connection], owner: Membership, member: Membership, stranger: Membership
) -> None:
    connect(owner, "github", name="mara-private")
    connect(owner, "github", name="mara-shared", shared=True)
    connect(member, "github", name="jonas-own")
    url = service_url("github")
    assert all(name in html_of(owner, url) for name in ("mara-private", "mara-shared", "jonas-own"))
    as_member = html_of(member, url)
    assert "mara-private" not in as_member
    assert "mara-shared" in as_member
    assert "jonas-own" in as_member
    assert not any(name in html_of(stranger, url) for name in ("mara-", "jonas-own"))


@pytest.mark.on_each_database
def test_the_page_of_a_service_lists_some_of_many_connections_and_links_to_all(
    owner: Membership, connect: Callable[..., Connection], loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.connections.views.plugins.MOST_CONNECTIONS", 2)
    for number in range(2):
        Connection.objects.filter(pk=connect(owner, "slack").pk).update(name=f"Account {number}")
    assert "Show all" not in html_of(owner, service_url("slack"))
    red = connect(owner, "slack", status=Status.NEEDS_ATTENTION)
    Connection.objects.filter(pk=red.pk).update(name="Account 9")
    page = html_of(owner, service_url("slack"))
    assert [name for name in ("Account 9", "Account 0", "Account 1") if name in page] == ["Account 9", "Account 0"]
    assert 'href="/settings/integrations/?service=slack"' in page
    assert "Show all 3 connections" in page


def test_services_are_listed_under_titles_unless_one_searches(owner: Membership, loaded: None) -> None:
    github = Integration.objects.get(slug="github", team=None)
    first = html_of(owner)
    assert "<h2>Yours</h2>" not in first
    Connection.objects.create(
        team=owner.team,
        integration=github,
        owner=owner.user,
        name="octocat",
        status_changed_at=timezone.now(),
        created_at=timezone.now(),
    )
    page = html_of(owner)
    titles = re.findall(r"<h2>(Yours|Popular|All services)</h2>", page)
    assert titles == sorted(set(titles), key=["Yours", "Popular", "All services"].index)
    assert page.index("<h2>Yours</h2>") < page.index(">GitHub</a>")
    assert "<h2>Yours</h2>" not in html_of(owner, search="github")
