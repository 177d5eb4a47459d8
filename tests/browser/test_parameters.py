"""What a person or an operator types for a service's placeholders: previewed, and refused with words."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.browser.cast import Visitor
from tests.e2e.inside import Inside

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]
SET_UP = """
from apps.integrations.oauth_apps.services import ensure_oauth_app
ensure_oauth_app(integration_slug="zendesk", client_id="id", client_secret=secret)
"""
HOSTILE = ["evil.com/#", "a.b@evil", "аcme"]  # the last begins with a Cyrillic letter


@pytest.fixture
def zendesk(visitor: Visitor, look: Inside) -> Page:
    """The page of a service with a subdomain, set up."""
    look.run(SET_UP, secret=secrets.token_urlsafe())
    visitor.page.goto("/plugins/zendesk/")
    return visitor.page


def test_the_address_follows_what_is_typed(zendesk: Page) -> None:
    preview = zendesk.locator("[data-preview]")
    expect(preview).to_be_hidden()
    field = zendesk.get_by_label("Subdomain")
    field.press_sequentially("fern")
    expect(preview).to_have_text("You sign in at https://fern.zendesk.com/oauth/authorizations/new")
    field.press_sequentially("hill")
    expect(preview).to_have_text("You sign in at https://fernhill.zendesk.com/oauth/authorizations/new")
    field.fill("")
    expect(preview).to_be_hidden()


def test_a_value_that_leads_elsewhere_is_refused_with_words_before_anything_is_sent(zendesk: Page) -> None:
    field = zendesk.get_by_label("Subdomain")
    sent: list[str] = []
    zendesk.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    words = zendesk.get_by_text("Zendesk subdomain must look like")
    for value in HOSTILE:
        field.fill(value)
        field.press("Enter")
        expect(words).to_be_visible()
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(zendesk.locator("[data-preview]")).to_be_hidden()
        assert sent == []
        field.fill("fernhill")
        expect(words).to_be_hidden()
        expect(field).not_to_have_attribute("aria-invalid", "true")


def test_the_server_refuses_it_with_the_same_words(zendesk: Page) -> None:
    browser = zendesk.context.browser
    assert browser is not None
    plain = browser.new_context(
        base_url=zendesk.url, storage_state=zendesk.context.storage_state(), java_script_enabled=False
    )
    page = plain.new_page()
    for value in HOSTILE:
        page.goto("/plugins/zendesk/")
        page.get_by_label("Subdomain").fill(value)
        page.get_by_role("button", name="Connect Zendesk").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Zendesk was not connected")
        expect(page.locator("main")).to_contain_text("Zendesk subdomain must look like")
    plain.close()


@pytest.fixture
def adding(visitor: Visitor) -> Page:
    """The operators' form for a new OAuth app."""
    visitor.page.goto("/admin/integrations/oauthapp/add/")
    return visitor.page


def choose(page: Page, service: str) -> None:
    """Searches the service and chooses it."""
    page.locator(".field-integration .select2-selection").click()
    page.locator(".select2-search__field").fill(service)
    page.get_by_role("option", name=service, exact=True).click()


def test_an_operator_sees_a_services_parameters_as_soon_as_it_is_chosen(adding: Page) -> None:
    adding.get_by_label("Client ID").fill("typed-before")
    choose(adding, "Okta")
    domain = adding.get_by_label("Okta domain")
    expect(domain).to_be_visible()
    expect(adding.get_by_label("Client ID")).to_have_value("typed-before")
    choose(adding, "GitHub")
    expect(adding.get_by_role("heading", name="Register an app at GitHub")).to_be_visible()
    expect(domain).to_have_count(0)
    expect(adding.get_by_text("Register an OAuth app at")).to_contain_text("GitHub")
    adding.reload()
    expect(adding.locator("select#id_integration option:checked")).to_have_text("GitHub")
