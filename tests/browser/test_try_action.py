"""Try an action in a real browser: through a colleague's shared connection to a service that repeats what it gets."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.cast import Visitor, somebody
from tests.browser.test_custom_api import fits, shoot
from tests.e2e.inside import Inside, inside
from tests.processes import Product, running_product
from tests.upstream import Upstream, upstream

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser_own_server")]
TOKEN = "token-of-the-owner-that-is-never-shown"
SET_UP = """
from datetime import timedelta
from django.utils import timezone
from apps.connections.models import Connection, ConnectionShare, TokenSet
from apps.integrations.models import Integration, Operation
from apps.integrations.oauth_apps.services import ensure_oauth_app
from apps.teams.models import Membership
ensure_oauth_app(integration_slug="sandbox", client_id="us", client_secret="c" * 32, params={"origin": origin})
owner = Membership.objects.select_related("team", "user").get(user__email="owner@specway.example")
service, now = Integration.objects.get(slug="sandbox", team=None), timezone.now()
for name, shared, reason in (("Acme", True, ""), ("Old account", True, "reauthorization_required"), ("Own", False, "")):
    connection = Connection.objects.create(
        team=owner.team, owner=owner.user, integration=service, name=name, oauth_app=service.oauth_apps.get(),
        status_changed_at=now, created_at=now, is_shared=shared, scopes_granted=["profile"],
        scopes_requested=["profile"], status="needs_attention" if reason else "active", status_reason=reason,
    )
    if shared:
        ConnectionShare.objects.create(connection=connection, level="use")
    row = TokenSet(connection=connection, team=owner.team, obtained_at=now, expires_at=now + timedelta(hours=1))
    row.access_token, row.refresh_token = token, "refresh-token-of-the-connection"
    row.client_key = connection.oauth_app.client_key
    row.save(force_insert=True)
answer = str(owner.team.pk)
"""


@dataclass
class Setup:
    product: Product
    look: Inside
    service: Upstream
    team: str


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("try")
    with upstream() as service:
        env = {"EGRESS_ALLOWED_HOSTS": f"127.0.0.1:{service.port}"}
        with running_product(folder, worker=False, beat=False, env=env) as product, inside(product) as look:
            team = look.run(SET_UP, origin=service.url, token=TOKEN)
            yield Setup(product, look, service, team)


def enter(setup: Setup, browser: Browser, *, script: bool = True) -> AbstractContextManager[Visitor]:
    """A colleague of the owner."""
    return somebody(setup.product, setup.look, browser, name="Max Member", team=setup.team, script=script)


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without"])
def page(setup: Setup, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with enter(setup, browser, script=request.param) as who:
        who.page.goto("/plugins/")
        yield who.page


@pytest.fixture
def page_with_script(setup: Setup, browser: Browser) -> Iterator[Page]:
    with enter(setup, browser) as who:
        yield who.page


def test_a_colleague_runs_an_action_and_never_sees_the_secret(setup: Setup, page: Page) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Try an action").click()
    expect(page.get_by_role("heading", level=1, name="Try an action")).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(2)
    expect(page.get_by_role("radio", name="Acme")).to_be_checked()
    expect(page.get_by_role("radio", name="Old account")).to_be_disabled()
    expect(page.locator("main")).to_contain_text("to repair it")
    page.get_by_label("Method").select_option("POST")
    page.get_by_label("Path").fill("echo?x=1")
    page.get_by_label("Body", exact=True).fill('{"text": "hello"}')
    page.get_by_label("Path").press("Enter")
    answer = page.get_by_role("region", name="Response", exact=True)
    expect(answer).to_contain_text("200 OK")
    expect(answer).to_contain_text("Bearer [redacted]")
    expect(answer).to_contain_text("POST /api/echo?x=1 HTTP/1.1")
    assert TOKEN not in page.content()
    expect(page.get_by_label("Path")).to_have_value("echo?x=1")
    expect(page.locator("#line-curl")).to_contain_text("Bearer $SPECWAY_KEY")


def test_it_works_by_keyboard_and_fits_a_phone(page_with_script: Page) -> None:
    page = page_with_script
    page.goto("/try/?path=echo")
    fits(page)
    page.get_by_label("Path").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_be_focused()
    shoot(page, "try-answer")
    fits(page)
    page.get_by_text("Headers and query parameters").click()
    page.get_by_role("textbox", name="Headers").fill("Authorization: Bearer mine")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("Authorization is set by Specway")
    expect(page.get_by_role("textbox", name="Headers")).to_have_value("Authorization: Bearer mine")
    shoot(page, "try-wrong")
    page.goto("/try/")
    shoot(page, "try-start")


@pytest.fixture
def under_way(setup: Setup, page_with_script: Page) -> Page:
    """The page while the service takes its time over an answer that never comes."""
    page = page_with_script
    page.goto("/try/?path=wait")
    page.get_by_label("Body", exact=True).fill('{"text": "kept"}')
    setup.service.waiting.clear()
    setup.service.hung_up.clear()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    page.get_by_role("button", name="Send").click()
    assert setup.service.waiting.wait(30)
    return page


def test_cancel_ends_the_call_at_the_service_and_keeps_what_was_written(setup: Setup, under_way: Page) -> None:
    expect(under_way.get_by_role("button", name="Send")).to_be_disabled()
    fits(under_way)
    under_way.get_by_role("button", name="Cancel").click()
    assert setup.service.hung_up.wait(10)
    expect(under_way.locator("#flash")).to_contain_text("Canceled. The service may have received the request")
    expect(under_way.get_by_role("button", name="Send")).to_be_focused()
    expect(under_way.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(under_way.get_by_label("Body", exact=True)).to_have_value('{"text": "kept"}')
    under_way.get_by_label("Path").fill("echo")
    under_way.get_by_role("button", name="Send").click()
    expect(under_way.get_by_role("region", name="Response", exact=True)).to_contain_text("200 OK")
    expect(under_way.locator("#flash")).not_to_contain_text("Canceled")


def test_going_to_another_page_ends_the_call(setup: Setup, under_way: Page) -> None:
    under_way.goto("/plugins/")
    assert setup.service.hung_up.wait(10)


def test_closing_the_page_ends_the_call(setup: Setup, under_way: Page) -> None:
    under_way.close()
    assert setup.service.hung_up.wait(10)
