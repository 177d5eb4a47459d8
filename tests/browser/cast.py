"""Somebody at Specway's pages, with the sandbox's pages in a popup."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Locator, Page, expect

from apps.connections.policy.refresh_policy import JUST_ISSUED
from tests.e2e.cast import Visitor as PlainVisitor
from tests.e2e.inside import Inside
from tests.processes import Product

# A person who is signed in: the team's owner and an operator where the team is new, a member otherwise.
SIGN_IN = """
from django.conf import settings
from django.contrib import auth
from django.middleware.csrf import CSRF_SECRET_LENGTH
from django.utils.crypto import get_random_string
from apps.audit.origin import Origin
from apps.teams.actor import operator_actor
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import Role, Team
from apps.teams.services.members import add_member
from apps.teams.services.people import create_person
from apps.teams.services.teams import create_team
from apps.teams.sessions import SessionStore
origin = Origin(kind="operator", id="", label="tests")
user = create_person(email=email, name=name, password=None)
if team:
    found = Team.objects.get(pk=team)
    add_member(actor=operator_actor(found, origin=origin), user=user, role=Role.MEMBER)
else:
    user.is_staff = user.is_superuser = True
    user.save()
    found = create_team(user=user, name="Fernhill", origin=origin).team
session = SessionStore()
session[auth.SESSION_KEY] = str(user.pk)
session[auth.BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
session[SESSION_TEAM] = str(found.pk)
session.create()
form = get_random_string(CSRF_SECRET_LENGTH)
answer = [str(found.pk), {settings.SESSION_COOKIE_NAME: session.secret, settings.CSRF_COOKIE_NAME: form}]
"""


@dataclass
class Visitor:
    """What a person does, step by step."""

    page: Page
    team: str = ""
    plain: PlainVisitor | None = field(default=None, repr=False)

    def has_connected(self, account: str = "ada", scenario: str = "works") -> str:
        """A connection to start from, made by the same flow without a browser: the address of its page."""
        assert self.plain is not None
        connection, _ = self.plain.connect(account=account, scenario=scenario)
        return f"/connections/{connection}/"

    def open_sandbox(self) -> None:
        self.page.goto("/plugins/sandbox/")
        expect(self.page.get_by_role("heading", level=1, name="Sandbox")).to_be_visible()

    @property
    def connect_button(self) -> Locator:
        return self.page.get_by_role("button", name="Connect Sandbox")

    def popup_of(self, button: Locator) -> Page:
        """The window that the click opens, at the service."""
        self.page.wait_for_load_state()  # before its script has come, a button leads there in the same window
        with self.page.expect_popup() as opened:
            button.click()
        popup = opened.value
        popup.get_by_text("Ada Example").first.wait_for()
        return popup

    def sign_in_there(self, window: Page, account: str, scenario: str = "Everything works") -> None:
        window.get_by_role("radio", name=scenario).check()
        window.get_by_role("button", name=account).click()

    def connect(self, account: str = "Ada Example", scenario: str = "Everything works") -> None:
        """The whole flow in the popup, with a happy end."""
        self.open_sandbox()
        popup = self.popup_of(self.connect_button)
        self.sign_in_there(popup, account, scenario)
        with popup.expect_event("close"):
            popup.get_by_role("button", name="Approve").click()
        expect(self.page.locator("[data-connecting]")).to_contain_text("Connected")

    def reconnect(self, row: Locator, account: str, scenario: str = "Everything works") -> None:
        """Sign in again from the row's menu, up to the answer."""
        row.locator("summary").click()
        popup = self.popup_of(row.get_by_role("button", name="Reconnect"))
        self.sign_in_there(popup, account, scenario)
        with popup.expect_event("close"):
            popup.get_by_role("button", name="Approve").click()

    def wait_until_refreshable(self) -> None:
        """Until a refresh on request is a real one: a token that has just been issued is returned as it is."""
        time.sleep(JUST_ISSUED.total_seconds())

    def open_list(self) -> None:
        self.page.goto("/settings/integrations/")

    def row(self, account: str) -> Locator:
        return self.page.locator(".conn").filter(has=self.page.get_by_text(account, exact=True))


@contextmanager
def somebody(
    product: Product, look: Inside, browser: Browser, *, name: str = "Olivia Owner", team: str = "", script: bool = True
) -> Iterator[Visitor]:
    """A new person in a window of their own, in the team with this ID or a new one. No page is shown yet.

    Fails afterwards if a script failed or did what the policy forbids.
    """
    email = f"{secrets.randbelow(10**12):012}@fernhill.example"
    joined, cookies = look.run(SIGN_IN, email=email, name=name, team=team)
    plain = PlainVisitor(product, email=email)
    plain.browser.cookies.update(cookies)
    context = browser.new_context(base_url=product.url, reduced_motion="reduce", java_script_enabled=script)
    context.add_cookies([{"name": each, "value": value, "url": product.url} for each, value in cookies.items()])
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
    yield Visitor(context.new_page(), joined, plain)
    context.close()
    assert complaints == []
