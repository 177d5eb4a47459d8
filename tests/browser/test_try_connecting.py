"""Connecting and repairing from Try an action, against the real service: nothing that was written is lost."""

import json
import secrets

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.cast import Visitor
from tests.browser.test_custom_api import fits, shoot
from tests.e2e.inside import Inside
from tests.processes import Product

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]
WRITTEN = {"Path": "messages?since=1", "Body": '{"text": "half a thought"}'}


def write(page: Page) -> None:
    page.get_by_label("Method").select_option("POST")
    page.get_by_label("Path").fill(WRITTEN["Path"])
    page.get_by_label("Body", exact=True).fill(WRITTEN["Body"])
    page.get_by_text("Headers and query parameters").click()
    page.get_by_role("textbox", name="Query parameters").fill("q=1")
    page.get_by_role("textbox", name="Headers").fill("X-Own: yes")
    page.evaluate("window.stillTheSame = true")


def expect_written(page: Page, *, same_page: bool = True) -> None:
    expect(page.get_by_label("Method")).to_have_value("POST")
    expect(page.get_by_label("Path")).to_have_value(WRITTEN["Path"])
    expect(page.get_by_label("Body", exact=True)).to_have_value(WRITTEN["Body"])
    expect(page.get_by_role("textbox", name="Query parameters")).to_have_value("q=1")
    expect(page.get_by_role("textbox", name="Headers")).to_have_value("X-Own: yes")
    assert page.evaluate("window.stillTheSame === true") is same_page


def approve(visitor: Visitor, button: Locator, account: str, scenario: str = "Everything works") -> None:
    popup = visitor.popup_of(button)
    visitor.sign_in_there(popup, account, scenario)
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Approve").click()


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Connect")


def test_the_first_connection_is_made_from_here(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/try/?integration=sandbox")
    expect(page.locator("main")).to_contain_text("You have no connection to Sandbox")
    page.get_by_role("link", name="Connect Sandbox").click()
    approve(visitor, dialog(page).get_by_role("button", name="Connect Sandbox"), "Ada Example")
    expect(page.get_by_role("radio", name="Ada Example")).to_be_checked()
    expect(page.locator("[data-connecting]")).to_contain_text("Connected")
    page.get_by_label("Path").fill("me")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Response", exact=True)).to_contain_text("ada@sandbox.example")


def test_another_account_is_connected_while_a_request_is_being_written(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    page = visitor.page
    page.goto("/try/?integration=sandbox")
    write(page)
    page.get_by_role("link", name="Connect another account").click()
    expect(dialog(page)).to_be_visible()
    shoot(page, "try-connect")
    fits(page)
    approve(visitor, dialog(page).get_by_role("button", name="Connect Sandbox"), "Grace Example")
    expect(dialog(page)).to_be_hidden()
    expect(page.get_by_role("radio", name="Grace Example")).to_be_checked()
    expect(page.get_by_role("radio")).to_have_count(2)
    expect_written(page)
    expect(page.locator("#try-base")).to_contain_text("/api/")
    shoot(page, "try-connected")
    page.locator("[data-connecting]").get_by_role("button", name="Close").click()
    expect(page.get_by_role("radio", name="Grace Example")).to_be_focused()


def test_a_denial_costs_nothing_that_was_written(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    page = visitor.page
    page.goto("/try/?integration=sandbox")
    write(page)
    page.get_by_role("link", name="Connect another account").click()
    popup = visitor.popup_of(dialog(page).get_by_role("button", name="Connect Sandbox"))
    visitor.sign_in_there(popup, "Grace Example", "I deny")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Deny").click()
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("access was denied")
    expect_written(page)
    approve(visitor, notice.get_by_role("button", name="Try again"), "Grace Example")
    expect(page.get_by_role("radio", name="Grace Example")).to_be_checked()
    expect_written(page)


def test_a_dead_connection_is_reconnected_from_here(visitor: Visitor) -> None:
    visitor.has_connected("ada", "revoked")
    visitor.open_list()
    # One refusal may be a slip of the service; the second one is believed.
    visitor.wait_until_refreshable()
    for _ in range(2):
        visitor.row("Ada Example").get_by_role("button", name="Refresh").click()
        expect(visitor.page.locator("#flash")).to_contain_text("no longer accepts")
        visitor.page.reload()
    visitor.has_connected("grace")
    page = visitor.page
    page.goto("/try/?integration=sandbox")
    write(page)
    expect(page.get_by_role("radio", name="Ada Example")).to_be_disabled()
    chosen = page.get_by_role("radio", name="Ada Example").get_attribute("value")
    approve(visitor, page.get_by_role("button", name="Reconnect Ada Example"), "Ada Example")
    expect(page.get_by_role("radio", name="Ada Example")).to_be_checked()
    expect(page.get_by_role("radio", name="Ada Example")).to_have_value(str(chosen))
    expect_written(page)


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Practice Hub", "version": "1"},
    "paths": {
        "/me": {"get": {"summary": "Who I am", "security": [{"oauth": ["profile"]}]}},
        "/messages": {"post": {"summary": "Post a message", "security": [{"oauth": ["messages:write"]}]}},
    },
}
SCOPES = {"profile": "Your name", "messages:write": "Post messages"}


# As the custom API's pages store it, which tests/browser/test_custom_api.py goes through: the answer is its slug.
OWNER = """
from apps.integrations.custom_apis.schema import Authentication, authentication_from
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication, set_callback
from apps.integrations.custom_apis.services.document_import import import_custom_api
from apps.teams.actor import member_actor
from apps.teams.models import Membership, Role
actor = member_actor(Membership.objects.get(team=team, role=Role.OWNER))
"""
HUB = f"""{OWNER}
api = import_custom_api(actor=actor, content=document.encode(), source="pasted")
entered = authentication_from(api.authentication)
save_authentication(actor=actor, api=api, authentication=entered, client_id=client_id, client_secret=client_secret)
set_callback(actor=actor, api=api, callback="common")
answer = api.integration.slug
"""


def describe_hub(visitor: Visitor, look: Inside, product: Product) -> str:
    sandbox = product.sandbox
    assert sandbox is not None
    flow = {
        "authorizationUrl": f"{sandbox.url}/o/authorize/",
        "tokenUrl": f"{sandbox.url}/o/token/",
        "scopes": SCOPES,
    }
    scheme = {"oauth": {"type": "oauth2", "flows": {"authorizationCode": flow}}}
    document = DOCUMENT | {
        "servers": [{"url": f"{sandbox.url}/api"}],
        "components": {"securitySchemes": scheme},
    }
    client = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    return str(look.run(HUB, team=visitor.team, document=json.dumps(document), **client))


def test_a_missing_permission_is_added_from_here(visitor: Visitor, look: Inside, product: Product) -> None:
    page = visitor.page
    slug = describe_hub(visitor, look, product)
    page.goto(f"/plugins/{slug}/")
    connect = page.get_by_role("button", name="Connect Practice Hub")
    expect(connect).to_be_visible()  # before the boxes are counted
    for box in page.get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("value") == "profile")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(1)
    approve(visitor, connect, "Ada Example")
    expect(page.locator("[data-connecting]")).to_contain_text("Connected")

    page.goto(f"/try/?integration={slug}")
    page.get_by_role("combobox", name="Action").select_option(label="Post a message")
    expect(page.locator("main")).to_contain_text("Missing messages:write")
    name = page.get_by_role("radio").first
    name.check()
    write(page)
    approve(visitor, page.get_by_role("button", name="Add permission"), "Ada Example")
    # This API does not report accounts, so the person is asked.
    page.get_by_role("button", name="It is the same account").click()
    expect(page.locator("main")).to_contain_text("Eligible")
    expect(page.get_by_role("radio")).to_have_count(1)
    expect(page.get_by_role("radio")).to_be_checked()
    expect_written(page)
    page.get_by_label("Path").fill("messages")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Response", exact=True)).to_contain_text("201 Created")

    # What the action needs is ticked for another account too.
    page.get_by_role("link", name="Connect another account").click()
    expect(dialog(page)).to_contain_text("Required by the selected action")
    expect(dialog(page).get_by_role("checkbox", name="Post messages")).to_be_checked()


REFUSE = """
from apps.connections.models import Connection
Connection.objects.filter(name="First key").update(status="needs_attention", status_reason="key_refused")
"""


KEYED_HUB = f"""{OWNER}
api = create_custom_api(actor=actor, name="Keyed Hub", base_url="https://api.keyed.example/v1")
save_authentication(actor=actor, api=api, authentication=Authentication(type="api_key"))
answer = api.integration.slug
"""


def test_a_key_is_entered_and_replaced_from_here(visitor: Visitor, look: Inside) -> None:
    page = visitor.page
    slug = look.run(KEYED_HUB, team=visitor.team)
    key = secrets.token_urlsafe(12)

    page.goto(f"/try/?integration={slug}")
    page.get_by_role("link", name="Connect Keyed Hub").click()
    dialog(page).get_by_role("button", name="Connect").click()
    dialog(page).locator("input[type=password]").fill(key)
    dialog(page).get_by_label("Name (optional)").fill("First key")
    shoot(page, "try-key")
    dialog(page).get_by_role("button", name="Connect").click()
    expect(page.get_by_role("radio", name="First key")).to_be_checked()
    expect(page.locator("#flash")).to_contain_text("First key is stored")
    write(page)
    page.get_by_role("link", name="Connect another account").click()
    expect(dialog(page).locator("input[type=password]")).to_have_value("")
    dialog(page).locator("input[type=password]").fill(key + "2")
    dialog(page).get_by_label("Name (optional)").fill("Second key")
    dialog(page).get_by_role("button", name="Connect").click()
    expect(page.get_by_role("radio", name="Second key")).to_be_checked()
    expect_written(page)

    look.run(REFUSE)
    page.goto(f"/try/?integration={slug}")
    write(page)
    expect(page.get_by_role("radio", name="First key")).to_be_disabled()
    page.get_by_role("link", name="of First key").click()
    mending = page.get_by_role("dialog", name="First key")
    mending.locator("input[type=password]").fill(key + "3")
    mending.get_by_role("button", name="Replace").click()
    expect(page.get_by_role("radio", name="First key")).to_be_checked()
    expect(page.locator("#flash")).to_contain_text("First key uses the new values")
    expect_written(page)
    assert key not in page.content()


def test_where_the_popup_is_blocked_the_tab_returns_with_what_was_written(
    visitor: Visitor,
) -> None:
    visitor.has_connected("ada")
    page = visitor.page
    page.goto("/try/?integration=sandbox")
    write(page)
    page.evaluate("window.open = () => null")
    page.get_by_role("link", name="Connect another account").click()
    dialog(page).get_by_role("button", name="Connect Sandbox").click()
    page.get_by_role("alert").get_by_role("button", name="Continue in this tab").click()
    visitor.sign_in_there(page, "Grace Example")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/try/?*new=*")
    expect(page.get_by_role("radio", name="Grace Example")).to_be_checked()
    expect_written(page, same_page=False)
