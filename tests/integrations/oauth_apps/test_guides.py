"""The guide beside the form of an OAuth app: its steps, the redirect URI at its field, and what the vendor asks for."""

from collections.abc import Callable
from html import unescape

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

from apps.integrations.catalog.entries import catalog
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.guides import setup_guide
from apps.integrations.redirect_uri import redirect_uri, unregistered_app
from apps.teams.models import Membership
from tests.factories import client_for

# The guides are texts of the catalog.
pytestmark = [pytest.mark.usefixtures("loaded"), pytest.mark.same_on_each_database]


def page_of(who: Membership, slug: str) -> str:
    integration(slug)
    html = client_for(who).get(reverse("integrations:app", args=[slug])).content.decode()
    return " ".join(unescape(html).split())


def integration(slug: str) -> Integration:
    """The row of that service; the fixture loads only a few."""
    entry = catalog()[slug]
    values = {name: getattr(entry, name) for name in ("name", "kind", "category", "description", "icon")}
    return Integration.objects.get_or_create(slug=slug, team=None, defaults=values)[0]


def test_the_page_shows_each_step_with_the_words_of_the_console(owner: Membership) -> None:
    html = page_of(owner, "github")
    assert "click <em>New OAuth App</em>." in html
    assert "<em>Generate a new client secret</em> and copy the secret." in html
    assert (
        '<a class="btn btn--sm" href="https://github.com/settings/developers" rel="noreferrer">Open github.com</a>'
        in html
    )
    assert "An organization that restricts OAuth apps has to approve it" in html
    assert 'href="https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/creating-an-oauth-app"' in html


def test_the_redirect_uri_is_shown_once_right_after_the_field_that_takes_it(owner: Membership) -> None:
    html = page_of(owner, "github")
    uri = f"<code>{redirect_uri(unregistered_app(integration('github'), owner.team))}</code>"
    assert html.count(uri) == 1
    between = html[html.index("<em>Authorization callback URL</em>") : html.index(uri)]
    assert "<li>" not in between
    assert "copybox" in between


def test_a_team_reads_its_own_redirect_uri_where_it_enters_the_host(owner: Membership) -> None:
    """It can enter the host of its own GitLab, so its app has a callback of its own."""
    own = redirect_uri(unregistered_app(integration("gitlab"), owner.team))
    common = redirect_uri(unregistered_app(integration("gitlab")))
    assert own != common
    html = page_of(owner, "gitlab")
    assert f"<code>{own}</code>" in html
    assert f"<code>{common}</code>" not in html


def test_what_has_to_be_enabled_is_listed(owner: Membership) -> None:
    assert '<li lang="en">Gmail API</li>' in page_of(owner, "gmail")
    html = page_of(owner, "hubspot")
    assert f"Permissions to enable there ({len(catalog()['hubspot'].scopes)})" in html
    assert "crm.objects.contacts.read" in html


def test_the_page_says_if_a_guide_is_not_confirmed_by_the_vendor(owner: Membership) -> None:
    doubt = "Parts of these steps do not come from the vendor’s documentation."
    assert doubt in page_of(owner, "discord")
    assert doubt not in page_of(owner, "github")


def test_a_service_without_guide_keeps_the_steps_that_are_the_same_everywhere(owner: Membership) -> None:
    slug = next(slug for slug, entry in catalog().items() if entry.kind == "oauth2" and not entry.guide)
    html = page_of(owner, slug)
    assert "Enter exactly this URL as the redirect URI" in html
    assert html.count(f"<code>{redirect_uri(unregistered_app(integration(slug), owner.team))}</code>") == 1


def test_the_guide_of_the_operators_app_has_the_operators_redirect_uri(set_up: Callable[..., OAuthApp]) -> None:
    app = set_up("slack")
    guide = setup_guide(app.integration, oauth_app=app)
    assert guide is not None
    assert guide.redirect_uri == redirect_uri(app)
    assert [step.pastes for step in guide.steps].count(True) == 1
    html = render_to_string("integrations/_guide.html", {"guide": guide})
    assert guide.redirect_uri in html
    assert 'href="https://api.slack.com/apps"' in html


def test_a_service_that_takes_keys_has_no_guide() -> None:
    assert setup_guide(integration("openai")) is None


def test_every_guide_can_be_shown() -> None:
    """Nothing in the catalog breaks the page, and each guide shows the redirect URI exactly once."""
    guided = [slug for slug, entry in catalog().items() if entry.guide]
    assert len(guided) >= 40
    for slug in guided:
        guide = setup_guide(integration(slug))
        assert guide is not None
        html = render_to_string("integrations/_guide.html", {"guide": guide})
        assert html.count(f"<code>{guide.redirect_uri}</code>") == 1, slug
        assert "*" not in html, slug
