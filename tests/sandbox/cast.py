"""A person with a browser, and an OAuth client, over HTTP."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from .server import Sandbox

ALL_SCOPES = "profile messages:read messages:write"
CALLBACK = "http://127.0.0.1:9/oauth/callback"


@dataclass
class Client:
    """An OAuth client with PKCE: builds the authorization URL and sends token requests."""

    sandbox: Sandbox
    redirect_uri: str = CALLBACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def authorization_url(self, **changed: str | None) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        params = {
            "response_type": "code",
            "client_id": self.sandbox.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": ALL_SCOPES,
            "state": self.state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | changed
        request = requests.Request("GET", f"{self.sandbox.url}/o/authorize/", params=params).prepare()
        return str(request.url)

    def exchange(self, code: str, **changed: str) -> requests.Response:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        return self._post("/o/token/", fields | {"code_verifier": self.verifier} | changed)

    def refresh(self, refresh_token: str, **more: str) -> requests.Response:
        return self._post("/o/token/", {"grant_type": "refresh_token", "refresh_token": refresh_token} | more)

    def revoke(self, token: str) -> requests.Response:
        return self._post("/o/revoke_token/", {"token": token})

    def get(self, path: str, token: str) -> requests.Response:
        return requests.get(self.sandbox.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def post(self, path: str, token: str, body: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(self.sandbox.url + path, headers=headers, json=body, timeout=60)

    def connect(self, **choices: Any) -> dict[str, Any]:
        """Authorize and exchange the code. Returns the token response."""
        params = Person(self).authorize(**choices)
        response = self.exchange(params["code"])
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

    def _post(self, path: str, data: dict[str, str]) -> requests.Response:
        auth = (self.sandbox.client_id, self.sandbox.client_secret)
        return requests.post(self.sandbox.url + path, data=data, auth=auth, timeout=60)


class Person:
    """A person who follows the client's link and submits the sandbox's forms."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.browser = requests.Session()
        self.page = ""

    def authorize(
        self,
        *,
        account: str = "ada",
        scenario: str = "works",
        decision: str = "approve",
        permissions: list[str] | None = None,
        **params: str | None,
    ) -> dict[str, str]:
        """Sign in and decide. Returns the parameters of the redirect to the client."""
        url = self.sign_in(account=account, scenario=scenario, **params)
        return self.decide(url, decision=decision, permissions=permissions)

    def sign_in(self, *, account: str, scenario: str, **params: str | None) -> str:
        """Returns the URL of the consent page."""
        login = self.browser.get(self.client.authorization_url(**params), timeout=60)
        assert urlsplit(login.url).path == "/login/", login.text
        response = self.submit(login.url, login.text, account=account, scenario=scenario)
        assert response.status_code == 302, response.text
        return urljoin(login.url, response.headers["Location"])

    def decide(self, url: str, *, decision: str, permissions: list[str] | None = None) -> dict[str, str]:
        self.page = self.browser.get(url, timeout=60).text
        ticked = re.findall(r'name="permission"\s+value="([^"]+)"\s+checked', self.page)
        response = self.submit(
            url, self.page, decision=decision, permission=ticked if permissions is None else permissions
        )
        assert response.status_code == 302, response.text
        assert response.headers["Location"].startswith(self.client.redirect_uri + "?")
        received = parse_qs(urlsplit(response.headers["Location"]).query)
        assert all(len(values) == 1 for values in received.values())
        return {name: values[0] for name, values in received.items()}

    def submit(self, url: str, page: str, **filled: Any) -> requests.Response:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, page
        return self.browser.post(
            url, data={"csrfmiddlewaretoken": token[1], **filled}, allow_redirects=False, timeout=60
        )
