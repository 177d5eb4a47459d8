"""A team's own API in the browser: made, described, connected in a popup, and refreshed."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.cast import Visitor
from tests.processes import Product
from tests.sandbox.server import Sandbox

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]
SHOTS = os.environ.get("SPECWAY_SHOTS", "")


def shoot(page: Page, name: str) -> None:
    """Pictures to look at, where a folder for them is named."""
    if not SHOTS:
        return
    Path(SHOTS).mkdir(parents=True, exist_ok=True)
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})


def fits(page: Page) -> None:
    """The page is no wider than a phone; waited for, since a click before this may still be loading it."""
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_load_state()
    expect(page.locator("html")).to_have_js_property("scrollWidth", 390)
    page.set_viewport_size({"width": 1280, "height": 900})


def describe(page: Page, sandbox: Sandbox) -> None:
    """Create the custom API and save its OAuth 2.0 settings."""
    page.goto("/plugins/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Custom APIs").click()
    page.get_by_role("link", name="New custom API").click()
    shoot(page, "new")
    fits(page)
    make = page.get_by_role("form", name="Enter the details")
    make.get_by_label("Name").fill("Practice Hub")
    make.get_by_label("Base URL").fill(f"{sandbox.url}/api")
    make.get_by_role("button", name="Create").click()

    page.get_by_text("OAuth 2.0", exact=True).click()
    page.get_by_label("Authorization URL").fill(f"{sandbox.url}/o/authorize/")
    page.get_by_label("Token URL").fill(f"{sandbox.url}/o/token/")
    page.get_by_label("Client ID").fill(sandbox.client_id)
    page.get_by_label("Client secret").fill(sandbox.client_secret)
    page.get_by_label("Scopes").fill("profile Your name and address\nmessages:read Read messages")
    page.locator(".auth-form summary", has_text="Account").click()
    page.get_by_label("Account endpoint").fill(f"{sandbox.url}/api/me")
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_label("Revocation URL").fill(f"{sandbox.url}/o/revoke_token/")
    shoot(page, "authentication")
    fits(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your team can find Practice Hub in Plugins")).to_be_visible()
    assert sandbox.client_secret not in page.content()


def test_from_nothing_to_a_connection(visitor: Visitor, product: Product) -> None:
    page, sandbox = visitor.page, product.sandbox
    assert sandbox is not None
    describe(page, sandbox)
    # The practice service has the common redirect URI registered.
    page.get_by_role("link", name="Use the shared redirect URI instead").click()
    shoot(page, "redirect-uri")
    page.get_by_role("button", name="Use shared redirect URI").click()

    page.get_by_role("link", name="Open in Plugins").click()
    popup = visitor.popup_of(page.get_by_role("button", name="Connect Practice Hub"))
    visitor.sign_in_there(popup, "Ada Example")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Approve").click()
    expect(page.locator("[data-connecting]")).to_contain_text("Connected")

    visitor.open_list()
    row = page.locator(".conn").first
    expect(row).to_contain_text("ada@sandbox.example")
    expect(row).to_contain_text("Working")
    row.get_by_role("button", name="Refresh").first.click()
    expect(row).to_contain_text("Working")

    page.goto("/custom-apis/")
    shoot(page, "list")
    page.get_by_role("link", name="Practice Hub").click()
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_text("Disconnect these connections first")).to_be_visible()
    shoot(page, "delete")


def test_a_document_fills_the_form(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/custom-apis/new/")
    page.get_by_label("Pasted text").fill(DOCUMENT)
    page.get_by_role("button", name="Import document").click()
    expect(page.get_by_label("Token URL")).to_have_value("https://login.carrierhub.example/token")
    expect(page.get_by_text("From the document").first).to_be_visible()
    expect(page.get_by_text("Missing")).to_be_visible()
    shoot(page, "imported")
    page.get_by_role("navigation", name="Custom API").get_by_role("link", name="Overview").click()
    shoot(page, "overview")
    fits(page)
    page.get_by_role("navigation", name="Custom API").get_by_role("link", name="Operations").click()
    expect(page.get_by_text("/shipments/{id}")).to_be_visible()
    shoot(page, "operations")
    fits(page)


def test_a_document_that_cannot_be_read_says_where(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/custom-apis/new/")
    page.get_by_label("Pasted text").fill("openapi: 3.0.0\ninfo:\n\ttitle: x")
    page.get_by_role("button", name="Import document").click()
    expect(page.get_by_role("alert")).to_contain_text("line 3")
    shoot(page, "unreadable")


def test_enter_saves_and_looks_up_only_in_the_field_for_it(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/custom-apis/new/")
    page.get_by_label("Pasted text").fill(DOCUMENT)
    page.get_by_role("button", name="Import document").click()
    page.get_by_label("Client ID").fill("fernhill")
    page.get_by_label("Client ID").press("Enter")
    expect(page.locator("#id_client_secret_error")).to_contain_text("Enter the client secret")
    page.get_by_label("Issuer URL").fill("nonsense")
    page.get_by_label("Issuer URL").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("https")
    expect(page.get_by_label("Client ID")).to_have_value("fernhill")


def test_the_redirect_uri_is_shown_to_those_who_need_it(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/custom-apis/new/")
    page.get_by_label("Pasted text").fill(DOCUMENT)
    page.get_by_role("button", name="Import document").click()
    redirect = page.get_by_role("region", name="Redirect URI")
    expect(redirect).to_be_visible()
    page.get_by_text("API key", exact=True).click()
    expect(redirect).to_be_hidden()
    expect(page.get_by_role("button", name="Register for me")).to_be_hidden()


def test_a_further_key_is_entered_where_it_belongs(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/custom-apis/new/")
    page.get_by_label("Pasted text").fill(DOCUMENT)
    page.get_by_role("button", name="Import document").click()
    keys, value = page.get_by_label("Further keys"), page.get_by_label("Value of the further key")
    expect(keys).to_be_visible()
    expect(value).to_be_visible()
    shoot(page, "further-key")
    fits(page)
    for kind, has_keys in (("Basic", True), ("Client credentials", True), ("API key", True), ("None", False)):
        page.get_by_text(kind, exact=True).click()
        expect(value).to_be_hidden()
        expect(keys).to_be_visible(visible=has_keys)


def test_a_long_text_that_is_pasted_goes_up_as_a_file(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/custom-apis/new/")
    head = '{"openapi":"3.1.0","info":{"title":"Long Hub"},"servers":[{"url":"https://long.example"}],"paths":{},"x":"'
    page.get_by_label("Pasted text").evaluate("(field, text) => (field.value = text)", f'{head}{"x" * 3_000_000}"}}')
    page.get_by_role("button", name="Import document").click()
    expect(page.get_by_role("heading", level=1, name="Long Hub")).to_be_visible()
    expect(page.locator(".page-head")).to_contain_text("Imported from pasted text")


DOCUMENT = """
openapi: 3.1.0
info: {title: Carrier Hub, version: "2", summary: Shipments and rates}
servers:
  - url: https://{region}.carrierhub.example/v2
    variables: {region: {default: eu, enum: [eu, us]}}
paths:
  /shipments/{id}:
    get: {summary: One shipment, security: [{oauth: [shipments:read]}]}
components:
  securitySchemes:
    oauth:
      type: oauth2
      flows:
        authorizationCode:
          authorizationUrl: https://login.carrierhub.example/authorize
          tokenUrl: https://login.carrierhub.example/token
          scopes: {shipments:read: See shipments, shipments:write: Book shipments}
    tls: {type: mutualTLS}
"""
