"""The trace in a real browser: one line each, unfolded by a click, on both pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.connections.errors import ExchangeFailed
from tests.authserver import ABSENT, AuthServer, altered, answers
from tests.connections.test_trace import walker_at
from tests.factories import client_for
from tests.fixtures.connections import Cast
from tests.integrations.custom_apis.test_doctor_browser import photograph

pytestmark = [
    pytest.mark.needs_browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("browser_own_server"),
    pytest.mark.same_on_each_database,
]


@pytest.fixture
def page(live_server: LiveServer, browser: Browser, cast: Cast, settings: Any, tmp_path: Path) -> Iterator[Page]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    wide = {"width": 1280, "height": 900}
    context = browser.new_context(base_url=live_server.url, viewport=wide, reduced_motion="reduce")
    cookies = client_for(cast.admin).cookies.values()
    context.add_cookies([{"name": one.key, "value": one.value, "url": live_server.url} for one in cookies])
    yield context.new_page()
    context.close()


def test_an_entry_unfolds_and_shows_names_without_values(page: Page, server: AuthServer, cast: Cast) -> None:
    walker = walker_at(server, cast)
    server.script(answers(200, b"<html>Sign in</html>", Content_Type="text/html"), altered(refresh_token=ABSENT))
    with pytest.raises(ExchangeFailed):
        walker.connect()
    connection = walker.connect()
    page.goto(f"/connections/{connection.pk}/trace/")
    expect(page.get_by_text("returned no refresh token")).to_be_visible()
    entry = page.locator("details").filter(has_text="Code exchanged for a token")
    entry.locator("summary").click()
    expect(entry.get_by_text("code_verifier")).to_be_visible()
    expect(entry).to_contain_text("characters, not kept")
    photograph(page, "trace")
    page.goto(f"/custom-apis/{walker.integration.slug}/trace/")
    expect(page.get_by_text("(no connection)")).to_be_visible()
    photograph(page, "api-trace")
