"""The authorization flow in a real browser, which enforces CSP on redirects, and Origin and cookies of forms."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from .cast import Client
from .server import running_sandbox

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser_own_server")]


class Landing(BaseHTTPRequestHandler):
    """The client's callback page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"back at the client")

    def log_message(self, *_: object) -> None:
        """Log nothing: the URL contains a code."""


@pytest.fixture
def callback() -> Iterator[str]:
    """A callback on another host than the sandbox, which a form-action directive would block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Landing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/callback"
    server.shutdown()
    server.server_close()


def test_a_person_signs_in_consents_and_is_redirected_to_the_client(
    tmp_path: Path, callback: str, browser: Browser
) -> None:
    with running_sandbox(tmp_path, redirect_uris=[callback]) as sandbox:
        client = Client(sandbox, redirect_uri=callback)
        page = browser.new_page(viewport={"width": 390, "height": 700})
        console: list[str] = []
        page.on("console", lambda message: console.append(message.text))
        page.goto(client.authorization_url())
        page.get_by_role("radio", name="I grant only part").check()
        page.get_by_role("button", name="Grace Example").click()
        page.get_by_role("button", name="Approve").click()
        page.get_by_text("back at the client").wait_for()
        code = page.evaluate("new URLSearchParams(location.search).get('code')")
        assert client.exchange(code).json()["scope"] == "profile"
        page.goto(sandbox.url)
        page.get_by_label("Scenario of grant").select_option("refresh_refused")
        page.get_by_role("button", name="Change").click()
        assert page.get_by_label("Scenario of grant").input_value() == "refresh_refused"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.close()
    assert [text for text in console if "favicon" not in text] == []
