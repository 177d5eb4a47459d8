"""One running product with its sandbox, one browser; each test has a team and a window of its own."""

from collections.abc import Iterator
from secrets import token_hex

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser.cast import Visitor
from tests.processes import Product, running_product


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("browser"), sandbox=True) as running:
        yield running


@pytest.fixture(scope="session")
def signed_in(product: Product, browser: Browser) -> StorageState:
    """The cookies of the demo team's owner, who signed in through the page."""
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill("owner@specway.example")
    page.locator("input[name=password]").fill(product.accounts["owner@specway.example"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", level=1).wait_for()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visitor(product: Product, browser: Browser, signed_in: StorageState) -> Iterator[Visitor]:
    """Somebody at the Plugins page of a team that has no connection yet."""
    context = browser.new_context(base_url=product.url, storage_state=signed_in)
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
    who = Visitor(context.new_page())
    who.found_team(f"Team {token_hex(4)}")
    yield who
    context.close()
    assert complaints == []
