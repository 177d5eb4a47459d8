"""Somebody at Specway's pages, with the sandbox's pages in a popup."""

import time
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from apps.connections.policy.refresh_policy import JUST_ISSUED


@dataclass
class Visitor:
    """What a person does, step by step."""

    page: Page

    def found_team(self, name: str) -> None:
        self.page.goto("/teams/new/")
        self.page.get_by_label("Name").fill(name)
        self.page.locator("main form").get_by_role("button").first.click()
        expect(self.page.locator(".switcher")).to_contain_text(name)

    def open_sandbox(self) -> None:
        self.page.goto("/plugins/")
        self.page.locator("main").get_by_role("link", name="Sandbox").first.click()
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
