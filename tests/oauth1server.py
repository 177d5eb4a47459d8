"""An OAuth 1.0a service on a socket; oauthlib's provider verifies every signature."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from oauthlib.oauth1 import RequestValidator, WebApplicationServer


@dataclass
class Held:
    """A request token or access token with its secret, and the verifier after the consent."""

    secret: str = field(repr=False)
    callback: str = ""
    subject: str = ""
    verifier: str = ""


@dataclass
class OAuth1Server:
    """The service's state, and switches for tests."""

    port: int
    key: str = field(default_factory=lambda: "consumer-" + secrets.token_hex(8))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    requests: dict[str, Held] = field(default_factory=dict)
    access: dict[str, Held] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)  # with their queries
    headers: list[tuple[str, dict[str, str]]] = field(default_factory=list, repr=False)
    says_more: dict[str, str] = field(default_factory=dict)  # further fields of the token response
    confirms_callback: bool = True
    account_down: bool = False
    nonces: set[tuple[str, str]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def consent(self, url: str, subject: str = "ada") -> dict[str, str]:
        """The parameters of the redirect after the consent at `url`."""
        token = parse_qs(urlsplit(url).query)["oauth_token"][0]
        held = self.requests[token]
        held.subject, held.verifier = subject, secrets.token_hex(8)
        return {"oauth_token": token, "oauth_verifier": held.verifier}


class _Rules(RequestValidator):  # type: ignore[misc] # oauthlib has no types for it
    """oauthlib's validator over the service's state."""

    enforce_ssl = False
    client_key_length = request_token_length = access_token_length = nonce_length = verifier_length = (3, 200)
    dummy_client = dummy_request_token = dummy_access_token = "dummy-value"

    def __init__(self, server: OAuth1Server) -> None:
        super().__init__()
        self.server = server

    def check_client_key(self, key: str) -> bool:
        return True

    check_request_token = check_access_token = check_nonce = check_verifier = check_client_key

    def validate_client_key(self, key: str, request: Any) -> bool:
        return key == self.server.key

    def get_client_secret(self, key: str, request: Any) -> str:
        return self.server.secret if key == self.server.key else "dummy-secret"

    def validate_timestamp_and_nonce(self, key: str, timestamp: str, nonce: str, request: Any, **_: Any) -> bool:
        fresh = (timestamp, nonce) not in self.server.nonces
        self.server.nonces.add((timestamp, nonce))
        return fresh

    def get_default_realms(self, key: str, request: Any) -> list[str]:
        return []

    def get_realms(self, token: str, request: Any) -> list[str]:
        return []

    def validate_requested_realms(self, key: str, realms: Any, request: Any) -> bool:
        return True

    def validate_realms(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_redirect_uri(self, key: str, uri: str, request: Any) -> bool:
        return True

    def save_request_token(self, token: dict[str, str], request: Any) -> None:
        self.server.requests[token["oauth_token"]] = Held(token["oauth_token_secret"], request.redirect_uri)

    def validate_request_token(self, key: str, token: str, request: Any) -> bool:
        return token in self.server.requests

    def get_request_token_secret(self, key: str, token: str, request: Any) -> str:
        held = self.server.requests.get(token)
        return held.secret if held else "dummy-secret"

    def validate_verifier(self, key: str, token: str, verifier: str, request: Any) -> bool:
        held = self.server.requests.get(token)
        return held is not None and bool(held.verifier) and held.verifier == verifier

    def save_access_token(self, token: dict[str, str], request: Any) -> None:
        held = self.server.requests[request.resource_owner_key]
        self.server.access[token["oauth_token"]] = Held(token["oauth_token_secret"], subject=held.subject)

    def invalidate_request_token(self, key: str, token: str, request: Any) -> None:
        self.server.requests.pop(token, None)

    def validate_access_token(self, key: str, token: str, request: Any) -> bool:
        return token in self.server.access

    def get_access_token_secret(self, key: str, token: str, request: Any) -> str:
        held = self.server.access.get(token)
        return held.secret if held else "dummy-secret"


class _Server(ThreadingHTTPServer):
    """Its handlers share the service's state and oauthlib's provider."""

    daemon_threads = True
    state: OAuth1Server
    judge: WebApplicationServer


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _answer(self) -> None:
        state, judge = self.server.state, self.server.judge
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = urlsplit(self.path).path
        asked = (state.url + self.path, self.command, body, dict(self.headers.items()))
        state.seen.append((path, self.headers.get("Authorization", "")))
        state.paths.append(self.path)
        state.headers.append((path, dict(self.headers.items())))
        if path == "/request":
            _, content, status = judge.create_request_token_response(*asked)
            if not state.confirms_callback:
                content = (content or "").replace("oauth_callback_confirmed=true", "")
        elif path == "/access":
            _, content, status = judge.create_access_token_response(*asked)
            content = "&".join([content or "", *(f"{name}={value}" for name, value in state.says_more.items())])
        else:
            content, status = self._account(asked)
        self._send(status, content or "")

    def _account(self, asked: tuple[Any, ...]) -> tuple[str, int]:
        state, judge = self.server.state, self.server.judge
        if state.account_down:
            return "{}", 503
        valid, request = judge.validate_protected_resource_request(*asked)
        if not valid:
            return '{"error": "signature"}', 401
        subject = state.access[request.resource_owner_key].subject
        return f'{{"id": "{subject}", "name": "{subject}@oauth1.example"}}', 200

    def _send(self, status: int, content: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-www-form-urlencoded")
        self.send_header("Content-Length", str(len(content.encode())))
        self.end_headers()
        self.wfile.write(content.encode())

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def oauth1_server() -> Iterator[OAuth1Server]:
    """Run a server on a free port of 127.0.0.1 during the block."""

    server = _Server(("127.0.0.1", 0), _Handler)
    server.state = state = OAuth1Server(server.server_address[1])
    server.judge = WebApplicationServer(_Rules(state))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
