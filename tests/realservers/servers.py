"""Three authorization servers of three makers: how their people consent, and what each of them knows."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests

from tests.authlibserver import AuthlibServer, authlib_server
from tests.realservers.node import oidc_provider
from tests.sandbox.cast import Client as SandboxClient
from tests.sandbox.cast import Person
from tests.sandbox.server import Sandbox, running_sandbox

Decision = Literal["approve", "deny"]
Name = Literal["django-oauth-toolkit", "authlib", "oidc-provider"]


class RealServer(Protocol):
    """One server with one registered client. `settings` are the fields of the Authentication tab."""

    url: str
    client_id: str
    client_secret: str
    people: tuple[str, str]

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def consent(self, url: str, *, who: str, decision: Decision = "approve") -> str:
        """Follow a link to the consent page as a person. Where the browser is sent back to."""

    def refreshes(self) -> int:
        """How many refresh tokens were accepted."""

    def accepts(self, access_token: str) -> bool:
        """Whether the API accepts the token."""


@dataclass
class Toolkit:
    """django-oauth-toolkit, which our sandbox runs on."""

    sandbox: Sandbox
    callback: str
    people: tuple[str, str] = ("ada", "grace")

    def __post_init__(self) -> None:
        self.url = self.sandbox.url
        self.client_id, self.client_secret = self.sandbox.client_id, self.sandbox.client_secret

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "authorization_url": f"{self.url}/o/authorize/",
            "token_url": f"{self.url}/o/token/",
            "revocation_url": f"{self.url}/o/revoke_token/",
            "account_url": f"{self.url}/api/me",
            "scopes": ("messages:read", "profile"),
        }

    def consent(self, url: str, *, who: str, decision: Decision = "approve") -> str:
        class Here(SandboxClient):
            def authorization_url(self, **changed: str | None) -> str:
                return url

        here = Here(self.sandbox, redirect_uri=self.callback)
        return f"{self.callback}?{urlencode(Person(here).authorize(account=who, decision=decision))}"

    def refreshes(self) -> int:
        return sum(entry["outcome"] == "ok" for entry in self.sandbox.refreshes())

    def accepts(self, access_token: str) -> bool:
        return _status(f"{self.url}/api/me", access_token) == 200


@dataclass
class Authlib:
    """Authlib's framework for servers."""

    server: AuthlibServer
    people: tuple[str, str] = ("ada", "bob")

    def __post_init__(self) -> None:
        self.url, client = self.server.url, self.server.client
        self.client_id, self.client_secret = client.client_id, client.client_secret

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "authorization_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "revocation_url": f"{self.url}/revoke",
            "account_url": f"{self.url}/api/me",
            "scopes": ("messages:read", "profile"),
        }

    def consent(self, url: str, *, who: str, decision: Decision = "approve") -> str:
        person = {"X-Person": who if decision == "approve" else ""}
        answer = requests.get(url, headers=person, allow_redirects=False, timeout=60)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def refreshes(self) -> int:
        return self.server.calls.count("token refresh_token")

    def accepts(self, access_token: str) -> bool:
        return _status(f"{self.url}/api/me", access_token) == 200


@dataclass
class OidcProvider:
    """oidc-provider for Node, a certified OpenID Provider, with its pages for development."""

    url: str
    client_id: str
    client_secret: str
    callback: str
    people: tuple[str, str] = ("ada", "bob")

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "issuer": self.url,
            "iss_required": True,
            "authorization_url": f"{self.url}/auth",
            "token_url": f"{self.url}/token",
            "revocation_url": f"{self.url}/token/revocation",
            "account_url": f"{self.url}/me",
            "scopes": ("openid", "email", "offline_access"),
        }

    def consent(self, url: str, *, who: str, decision: Decision = "approve") -> str:
        browser = requests.Session()
        for _ in range(10):
            answer = browser.get(url, allow_redirects=False, timeout=60)
            while answer.status_code in (302, 303):
                url = urljoin(answer.url, answer.headers["Location"])
                if url.startswith(self.callback):
                    return url
                answer = browser.get(url, allow_redirects=False, timeout=60)
            assert answer.status_code == 200, answer.text
            url = self._submit(browser, answer, who, decision)
            if url.startswith(self.callback):
                return url
        raise AssertionError("the pages do not lead back")

    def _submit(self, browser: requests.Session, page: requests.Response, who: str, decision: Decision) -> str:
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        assert action, page.text
        assert prompt, page.text
        if decision == "deny" and prompt[1] == "consent":
            return urljoin(page.url, f"{urlsplit(action[1]).path}/abort")
        fields = {"prompt": prompt[1], "login": who, "password": "any"}
        answer = browser.post(urljoin(page.url, action[1]), data=fields, allow_redirects=False, timeout=60)
        return urljoin(page.url, answer.headers["Location"])

    def refreshes(self) -> int:
        grants: list[str] = requests.get(f"{self.url}/journal", timeout=60).json()
        return grants.count("refresh_token")

    def accepts(self, access_token: str) -> bool:
        return _status(f"{self.url}/me", access_token) == 200


def _status(url: str, access_token: str) -> int:
    return requests.get(url, headers={"Authorization": f"Bearer {access_token}"}, timeout=60).status_code


@contextmanager
def running(name: Name, *, callback: str, folder: Path) -> Iterator[RealServer]:
    """Run one of the servers, with a client whose redirect URI is `callback`."""
    if name == "django-oauth-toolkit":
        with running_sandbox(folder, redirect_uris=[callback]) as sandbox:
            yield Toolkit(sandbox, callback)
    elif name == "authlib":
        with pytest.MonkeyPatch.context() as patch, authlib_server() as server:
            patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the server runs in this process without TLS
            server.client.redirect_uri = callback
            yield Authlib(server)
    else:
        client_id, secret = f"fernhill-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
        client = {"client_id": client_id, "client_secret": secret, "redirect_uris": [callback]}
        grants = {"grant_types": ["authorization_code", "refresh_token"]}
        with oidc_provider(client | grants) as issuer:
            yield OidcProvider(issuer, client_id, secret, callback)


def parameters_of(location: str) -> dict[str, str]:
    """Those of a redirect."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
