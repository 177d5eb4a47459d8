"""The Authentication tab in a real browser: the findings come into the page, and a registered client is shown."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from apps import egress
from apps.egress import destination
from apps.integrations.custom_apis.schema import Authentication, CustomScope
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.models import CustomApi
from apps.teams.models import Membership, Role
from tests.authserver import AuthServer, auth_server
from tests.factories import actor_for, client_for, make_member, make_user

pytestmark = [
    pytest.mark.needs_browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("browser_own_server"),
    pytest.mark.same_on_each_database,
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuthServer]:
    with auth_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[urlsplit(running.url).netloc])
        running.publish(
            registration_endpoint=f"{running.url}/register",
            token_endpoint_auth_methods_supported=["client_secret_post"],
            scopes_supported=["messages:read", "offline_access"],
        )
        yield running


@pytest.fixture
def admin(db: Any) -> Membership:
    return make_member(role=Role.ADMIN, user=make_user("Ada Admin"))


@pytest.fixture
def page(live_server: LiveServer, browser: Browser, admin: Membership) -> Iterator[Page]:
    wide = {"width": 1280, "height": 900}
    context = browser.new_context(base_url=live_server.url, viewport=wide, reduced_motion="reduce")
    cookies = client_for(admin).cookies.values()
    context.add_cookies([{"name": one.key, "value": one.value, "url": live_server.url} for one in cookies])
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    assert complaints == []


def described(server: AuthServer, admin: Membership, **client: str) -> CustomApi:
    api = create_custom_api(actor=actor_for(admin), name="Carrier Hub", base_url=f"{server.url}/api")
    entered = Authentication(
        type="oauth2",
        authorization_url=f"{server.url}/authorize",
        token_url=f"{server.url}/o/token/",
        registration_url=f"{server.url}/register",
        scopes=(CustomScope(name="messages:read"),),
    )
    return save_authentication(actor=actor_for(admin), api=api, authentication=entered, **client)


def photograph(page: Page, name: str) -> None:
    """Pictures for people who look them over, where SCREENSHOTS names a folder."""
    folder = os.environ.get("SCREENSHOTS")
    for width in (1280, 390) if folder else ():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=str(Path(folder or "") / f"{name}-{width}-{scheme}.png"), full_page=True)


def test_check_configuration_shows_the_findings_on_the_tab(page: Page, server: AuthServer, admin: Membership) -> None:
    server.client_authentication = "client_secret_post"
    api = described(server, admin, client_id=server.client_id, client_secret=server.client_secret)
    page.goto(f"/custom-apis/{api.integration.slug}/authentication/")
    page.get_by_role("button", name="Check configuration").click()
    result = page.get_by_role("status").filter(has_text="Configuration check")
    expect(result).to_contain_text("The client authentication method is wrong")
    expect(result).to_contain_text("Choose client_secret_post as client authentication and save.")
    expect(result).to_contain_text("Add offline_access to the scopes and save.")
    expect(result).to_contain_text("The authorization URL responds")
    expect(page).to_have_url(f"{page.url.split('/custom-apis')[0]}/custom-apis/carrier-hub/authentication/")
    photograph(page, "check")


def test_register_for_me_fills_the_client_id(page: Page, server: AuthServer, admin: Membership) -> None:
    api = described(server, admin)
    page.goto(f"/custom-apis/{api.integration.slug}/authentication/")
    expect(page.get_by_label("Client ID")).to_have_value("")
    page.get_by_role("button", name="Register for me").click()
    expect(page.get_by_text("Carrier Hub registered a client.")).to_be_visible()
    expect(page.get_by_label("Client ID")).to_have_value(server.client_id)
    photograph(page, "registered")
