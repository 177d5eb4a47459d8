"""People with a browser, and programs with an API key, at a running product, over plain HTTP."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests

from tests.e2e.inside import Inside
from tests.processes import Product
from tests.sandbox.cast import Client as SandboxClient
from tests.sandbox.cast import Person
from tests.sandbox.server import Sandbox

SCOPES = ["profile", "messages:read"]
ALL_KEY_SCOPES = [
    "connections:read",
    "connections:use",
    "connections:token",
    "connections:write",
    "members:read",
    "audit:read",
]
MAKE_PERSON = """
from apps.audit.origin import Origin
from apps.teams.models import User
from apps.teams.services.people import create_person
from apps.teams.services.teams import create_team
user = create_person(email=email, name=name, password=password)
create_team(user=user, name=team, origin=Origin(kind="operator", id="", label="tests"))
"""


@dataclass
class Shown:
    """An answer that came to a browser, and the names of the secrets that it was there to show."""

    place: str
    content: bytes
    meant: frozenset[str]


@dataclass
class AuthorizationFlow:
    """An authorization flow under way: where it began, and what the service's page will be asked with."""

    sandbox: Sandbox
    url: str

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}

    def approve(self, *, account: str = "ada", scenario: str = "works", decision: str = "approve") -> dict[str, str]:
        """What the service's answer carries after the person signed in there and decided."""
        person = Person(_Link(self.sandbox, redirect_uri=self.query["redirect_uri"], link=self.url))
        return person.authorize(account=account, scenario=scenario, decision=decision)

    @property
    def grant(self) -> int:
        """The number of the newest grant at the sandbox."""
        return int([line["grant_id"] for line in self.sandbox.journal() if line["outcome"] == "approved"][-1])


@dataclass
class _Link(SandboxClient):
    link: str = ""

    def authorization_url(self, **changed: str | None) -> str:
        return self.link


@dataclass
class Visitor:
    """Somebody with a browser. `seen` keeps every answer."""

    product: Product
    email: str = ""
    password: str = field(default="", repr=False)
    browser: requests.Session = field(default_factory=requests.Session, repr=False)
    seen: list[Shown] = field(default_factory=list, repr=False)

    def request(self, method: str, path: str, *, shows: Iterable[str] = (), **more: Any) -> requests.Response:
        """One request without following redirects. `shows` names secrets that the answer is there to show."""
        url = urljoin(self.product.url, path)
        answer = self.browser.request(method, url, allow_redirects=False, timeout=120, **more)
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items() if name != "Set-Cookie")
        place = f"answer to {method} {urlsplit(url).path}"
        self.seen.append(Shown(place, headers.encode() + b"\n\n" + answer.content, frozenset(shows)))
        return answer

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> requests.Response:
        """A form, with the CSRF token that the pages gave."""
        if "specway-csrf" not in self.browser.cookies:
            self.get("/accounts/login/")
        token = {"csrfmiddlewaretoken": self.browser.cookies["specway-csrf"]}
        return self.request("POST", path, data=(data or {}) | token, **more)

    def sign_in(self) -> None:
        answer = self.post("/accounts/login/", {"login": self.email, "password": self.password})
        assert answer.status_code == 302, answer.text

    def start_flow(self, *, scopes: list[str] = SCOPES) -> AuthorizationFlow:
        """Connect the sandbox, in the same tab."""
        return self._start_flow("/connect/sandbox/", scopes)

    def start_reconnect(self, connection: str, *, scopes: list[str] = SCOPES) -> AuthorizationFlow:
        return self._start_flow(f"/connections/{connection}/reconnect/", scopes)

    def _start_flow(self, path: str, scopes: list[str]) -> AuthorizationFlow:
        answer = self.post(path, {"scopes": scopes}, shows=["state"])
        assert answer.status_code == 302, answer.text
        assert self.product.sandbox is not None
        return AuthorizationFlow(self.product.sandbox, answer.headers["Location"])

    def open_callback(self, query: dict[str, str] | list[tuple[str, str]], path: str = "/oauth/callback") -> Any:
        return self.get(f"{path}?{urlencode(query)}")

    def connect(self, **approval: str) -> tuple[str, int]:
        """The whole way: the new connection's ID, and the number of its grant at the sandbox."""
        flow = self.start_flow()
        answer = self.open_callback(flow.approve(**approval))
        assert answer.status_code == 302, answer.text
        return parse_qs(urlsplit(answer.headers["Location"]).query)["new"][0], flow.grant

    def make_key(self) -> "Program":
        fields = {"name": "nightly", "kind": "personal", "days": "30", "scopes": ALL_KEY_SCOPES}
        page = self.post("/settings/api-keys/", fields, shows=["API key"])
        found = re.search(r"spw_[a-z0-9]+_[\w-]+", page.text)
        assert found, page.text
        return Program(self.product, found[0])


@dataclass
class Program:
    """Something with an API key."""

    product: Product
    key: str = field(repr=False)

    def call(self, method: str, path: str, *, url: str = "", **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        address = f"{url or self.product.url}/api/v1/{path}"
        return requests.request(method, address, headers=headers, timeout=120, **more)

    def token(self, connection: str, *, url: str = "") -> requests.Response:
        return self.call("POST", f"connections/{connection}/token/", url=url, json={})


def newcomer(product: Product, inside: Inside) -> Visitor:
    """Somebody signed in, with a team of their own."""
    who = Visitor(product, email=f"{secrets.token_hex(6)}@fernhill.example", password=secrets.token_urlsafe(16))
    inside.run(MAKE_PERSON, email=who.email, name="Nora Newcomer", password=who.password, team="Fernhill")
    who.sign_in()
    return who


def is_accepted(sandbox: Sandbox, token: str) -> bool:
    """Whether the sandbox's API takes the access token."""
    answer = requests.get(f"{sandbox.url}/api/me", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    return answer.status_code == 200


def refreshes_of(sandbox: Sandbox, grant: int) -> list[str]:
    """What the sandbox answered to each refresh of the grant."""
    return [line["outcome"] for line in sandbox.refreshes() if line["grant_id"] == grant]


def play(sandbox: Sandbox, grant: int, scenario: str) -> None:
    """From now on the grant behaves like that."""
    browser = requests.Session()
    page = browser.get(sandbox.url, timeout=60).text
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found, page
    answer = browser.post(
        f"{sandbox.url}/grants/{grant}/scenario",
        data={"csrfmiddlewaretoken": found[1], "scenario": scenario},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
