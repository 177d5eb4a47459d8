"""One running product with its sandbox, one browser; each test has a person, a team and a window of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser.cast import Visitor, somebody
from tests.e2e.inside import Inside, inside
from tests.processes import Product, running_product


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("browser"), sandbox=True) as running:
        yield running


@pytest.fixture(scope="session")
def look(product: Product) -> Iterator[Inside]:
    """For what a test starts from."""
    with inside(product) as process:
        yield process


@pytest.fixture(scope="session")
def signed_in(product: Product, browser: Browser) -> StorageState:
    """The cookies of the demo team's owner, who signed in through the page."""
    context = browser.new_context(base_url=product.url, reduced_motion="reduce")
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
def visitor(product: Product, look: Inside, browser: Browser) -> Iterator[Visitor]:
    """The owner of a team that has no connection yet, signed in."""
    with somebody(product, look, browser) as who:
        yield who
