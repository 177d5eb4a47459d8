"""A team's own API from its document to its last token, in the browser, against an authorization server of Authlib's:
imported, registered with its own redirect URI, checked, connected, called, refreshed, moved and disconnected."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from apps.connections.policy.refresh_policy import JUST_ISSUED
from tests.authlibserver import AuthlibServer, authlib_server
from tests.browser.cast import somebody
from tests.browser.test_custom_api import fits, shoot
from tests.e2e.inside import Inside, inside
from tests.processes import Product, running_product

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser_own_server")]

DOCUMENT = """
openapi: 3.1.0
info: {{title: Carrier Hub, version: "2", summary: Shipments and rates}}
servers: [{{url: {origin}/api}}]
paths:
  /me:
    get: {{summary: Who am I, security: [{{oauth: [profile]}}]}}
components:
  securitySchemes:
    oauth:
      type: oauth2
      flows:
        authorizationCode:
          authorizationUrl: {origin}/authorize
          tokenUrl: {origin}/token
          scopes: {{profile: Your name and address}}
    key: {{type: apiKey, in: header, name: X-Carrier-Key}}
"""


@dataclass
class Setup:
    """The product, the API's server, and another one that the API moves to."""

    product: Product
    look: Inside
    carrier: AuthlibServer
    elsewhere: AuthlibServer


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the servers', which run in this process without TLS
        servers = [stack.enter_context(authlib_server()) for _ in range(2)]
        allowed = ",".join(server.url.removeprefix("http://") for server in servers)
        folder = tmp_path_factory.mktemp("custom-oauth")
        env = {"EGRESS_ALLOWED_HOSTS": allowed}
        product = stack.enter_context(running_product(folder, worker=False, beat=False, env=env))
        yield Setup(product, stack.enter_context(inside(product)), *servers)


@pytest.fixture
def page(setup: Setup, browser: Browser) -> Iterator[Page]:
    """The owner of a team that has nothing yet."""
    with somebody(setup.product, setup.look, browser) as who:
        yield who.page


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Custom API").get_by_role("link", name=name).click()


def read_document(page: Page, setup: Setup) -> None:
    page.goto("/custom-apis/new/")
    page.get_by_label("Pasted text").fill(DOCUMENT.format(origin=setup.carrier.url))
    page.get_by_role("button", name="Import document").click()
    expect(page.get_by_text("Missing")).to_be_visible()


def register(page: Page, setup: Setup) -> None:
    """What its admin does at the service, and what the service gave out."""
    client = setup.carrier.client
    client.redirect_uri = page.get_by_role("region", name="Redirect URI").locator("code").inner_text()
    assert f"{setup.product.url}/oauth/return/" in client.redirect_uri
    page.get_by_label("Client ID").fill(client.client_id)
    page.get_by_label("Client secret").fill(client.client_secret)
    page.locator(".auth-form summary", has_text="Account").click()
    page.get_by_label("Account endpoint").fill(f"{setup.carrier.url}/api/me")
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_label("Revocation URL").fill(f"{setup.carrier.url}/revoke")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Your team can find Carrier Hub in Plugins")).to_be_visible()
    assert client.client_secret not in page.content()


def through_popup(page: Page, button: Locator) -> None:
    """The server approves by itself, so the window opens and closes."""
    button.wait_for()
    page.wait_for_load_state()  # without the page's script, the same tab would go there
    with page.expect_popup():
        button.click()
    expect(page.locator("[data-connecting]")).to_contain_text("Connected")


def connect(page: Page, setup: Setup) -> None:
    read_document(page, setup)
    register(page, setup)
    page.get_by_role("link", name="Open in Plugins").click()
    through_popup(page, page.get_by_role("button", name="Connect Carrier Hub"))


def send(page: Page) -> Locator:
    page.goto("/try/?integration=carrier-hub")
    page.get_by_role("combobox", name="Action").select_option(label="Who am I")
    expect(page.get_by_label("Path")).to_have_value("me")
    page.get_by_role("button", name="Send").click()
    return page.get_by_role("region", name="Response", exact=True)


def refresh(row: Locator, page: Page, carrier: AuthlibServer) -> None:
    """A refresh from the list gets another token and revokes the earlier one."""
    before = carrier.tokens[-1]
    time.sleep(JUST_ISSUED.total_seconds())  # until then, a refresh on request returns the token as it is
    with page.expect_response("**/refresh/"):
        row.get_by_role("button", name="Refresh").first.click()
    expect(row).to_contain_text("Working")
    assert carrier.calls[-1] == "token refresh_token"
    assert carrier.tokens[-1] is not before
    assert before.revoked


def disconnect_and_delete(row: Locator, page: Page, carrier: AuthlibServer) -> None:
    page.goto("/settings/integrations/")
    row.locator("summary").click()
    row.get_by_role("link", name="Disconnect").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("status")).to_contain_text("Access revoked at Carrier Hub")
    assert all(token.revoked for token in carrier.tokens)
    page.goto("/custom-apis/carrier-hub/delete/")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Carrier Hub is deleted")).to_be_visible()


def test_from_a_document_to_a_call_and_to_the_end(setup: Setup, page: Page) -> None:
    carrier = setup.carrier
    read_document(page, setup)
    shoot(page, "schemes")
    fits(page)
    register(page, setup)
    page.get_by_role("button", name="Check configuration").click()
    check = page.get_by_role("status").filter(has_text="Configuration check")
    expect(check).to_be_visible()
    expect(check.locator(".is-bad")).to_have_count(0)
    shoot(page, "checked")
    fits(page)

    page.get_by_role("link", name="Open in Plugins").click()
    through_popup(page, page.get_by_role("button", name="Connect Carrier Hub"))
    answer = send(page)
    expect(answer).to_contain_text("200 OK")
    expect(answer).to_contain_text("ada@authlib.example")
    shoot(page, "tried")

    page.goto("/settings/integrations/")
    row = page.locator(".conn").filter(has_text="ada@authlib.example")
    refresh(row, page, carrier)
    expect(send(page)).to_contain_text("200 OK")

    page.goto("/custom-apis/carrier-hub/")
    tab(page, "Trace")
    expect(page.locator("main")).to_contain_text("/token")
    assert carrier.tokens[-1].access_token not in page.content()
    shoot(page, "trace")
    fits(page)

    disconnect_and_delete(row, page, carrier)


def add_lane_and_enter_it(row: Locator, page: Page) -> None:
    """A new required parameter is added to the API and entered for the connection."""
    page.goto("/custom-apis/carrier-hub/add-parameter/")
    page.get_by_label("Name").fill("lane")
    page.get_by_label("Label").fill("Lane")
    page.get_by_label("Allowed values").fill("north\nsouth")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("link", name="Open connections").click()
    row.get_by_role("link", name="Enter values").click()
    page.get_by_label("Lane").select_option("south")
    shoot(page, "values")
    fits(page)
    through_popup(page, page.get_by_role("button", name="Reconnect"))


def test_an_api_that_moves_marks_its_connections_for_reconnecting(setup: Setup, page: Page) -> None:
    connect(page, setup)
    page.goto("/custom-apis/carrier-hub/")
    page.get_by_label("Base URL").fill(f"{setup.elsewhere.url}/api")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 connection needs attention; the owners are notified")).to_be_visible()
    expect(page.locator("main")).to_contain_text("ada@authlib.example")
    shoot(page, "moved-overview")
    fits(page)

    page.goto("/try/?integration=carrier-hub&operation=0")
    expect(page.get_by_role("radio", name="ada@authlib.example")).to_be_disabled()
    expect(page.locator("main")).to_contain_text("its addresses were changed")
    shoot(page, "moved-picker")
    fits(page)

    page.goto("/settings/integrations/")
    row = page.locator(".conn").filter(has_text="ada@authlib.example")
    expect(row).to_contain_text("its addresses were changed")
    row.get_by_role("link", name="ada@authlib.example").first.click()
    expect(page.locator("#reason")).to_contain_text("its addresses were changed")
    shoot(page, "moved-connection")
    fits(page)
    through_popup(page, page.locator("#reason").get_by_role("button", name="Reconnect"))

    add_lane_and_enter_it(row, page)

    # Where the secret itself would go to another address, it is asked for again, beside its field.
    page.goto("/custom-apis/carrier-hub/authentication/")
    page.get_by_label("Token URL").fill(f"{setup.elsewhere.url}/token")
    page.get_by_role("button", name="Save", exact=True).click()
    field = page.get_by_label("Client secret", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#id_client_secret_error")).to_contain_text("the stored one is not sent to a changed URL")
    shoot(page, "moved-secret")
    assert setup.elsewhere.calls == []


KEYED = """
openapi: 3.0.3
info: {{title: Depot}}
servers: [{{url: {origin}/api}}]
paths: {{/me: {{get: {{summary: Who am I}}}}}}
components: {{securitySchemes: {{key: {{type: apiKey, in: header, name: X-Depot-Key}}}}}}
"""


def connect_with_key(page: Page, setup: Setup) -> None:
    page.goto("/custom-apis/new/")
    page.get_by_label("Pasted text").fill(KEYED.format(origin=setup.carrier.url))
    page.get_by_role("button", name="Import document").click()
    page.get_by_role("link", name="Open in Plugins").click()
    page.get_by_label("API key").fill("k3y-of-mara-0123456789")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator(".conn")).to_contain_text("Not verified yet")


def test_a_key_is_entered_again_with_a_new_parameter_of_the_api(setup: Setup, page: Page) -> None:
    connect_with_key(page, setup)

    page.goto("/custom-apis/depot/")
    page.get_by_role("link", name="Add parameter").click()
    page.get_by_label("Name").fill("lane")
    page.get_by_label("Label").fill("Lane")
    page.get_by_label("Allowed values").fill("north\nsouth")
    page.get_by_label("Default").fill("west")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_label("Default")).to_have_attribute("aria-invalid", "true")
    shoot(page, "param-wrong")
    fits(page)
    page.get_by_label("Default").fill("")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("1 connection needs attention")).to_have_count(2)
    page.get_by_label("Base URL").fill(f"{setup.elsewhere.url}/{{lane}}/api")
    page.get_by_role("button", name="Save").click()
    shoot(page, "params")
    fits(page)
    page.get_by_role("link", name="Edit Lane").click()
    expect(page.locator("main")).to_contain_text("Used in the base URL, so its name cannot be changed")
    expect(page.get_by_role("button", name="Remove Lane")).to_have_count(0)
    shoot(page, "param")
    fits(page)

    page.goto("/settings/integrations/")
    page.locator(".conn").get_by_role("link", name="Enter values").click()
    shoot(page, "values-key")
    fits(page)
    page.get_by_label("Lane").select_option("south")
    page.get_by_label("API key").fill("another-k3y-9876543210")
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(page.get_by_text("uses the new values")).to_be_visible()
    page.goto("/settings/integrations/")
    expect(page.locator(".conn")).to_contain_text("Not verified yet")
