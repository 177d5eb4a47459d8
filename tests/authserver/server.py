"""The server: sockets, routes, the script, and switches for tests."""

import base64
import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from tests.authserver.faults import Answer, Behavior, wire
from tests.authserver.grants import Family, Grants, Refused, Rotation
from tests.authserver.journal import Call, Journal


class Gate:
    """Blocks a call: `arrived` is set when the call arrives; it continues after `open()`."""

    def __init__(self) -> None:
        self.arrived, self._opened = threading.Event(), threading.Event()

    def open(self) -> None:
        self._opened.set()

    def pass_through(self) -> None:
        self.arrived.set()
        self._opened.wait(60)


class AuthServer:
    """Issues codes by `code_for`. The endpoints are those of the sandbox's catalog entry."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.client_id, self.client_secret = "client-" + secrets.token_hex(4), secrets.token_urlsafe(24)
        self.client_authentication = "client_secret_basic"
        self.rotation: Rotation = "strict"
        self.expires_in: int | None = 3600
        self.account_down = False
        self.revocation_status = 200
        self.gate: Gate | None = None  # before the next token call is processed
        self.answer_gate: Gate | None = None  # after processing, before the response
        self.grants, self.journal = Grants(), Journal()
        self.arrivals: list[str] = []  # the grant type of each token call, including faulty ones
        self.scope_separator = " "  # with another separator, the scope is unknown
        self.metadata: dict[str, object] | None = None  # published below /.well-known/ if set
        self.registrations: list[dict[str, Any]] = []  # registration requests (RFC 7591)
        self.registration: Answer | None = None  # instead of the regular response
        self._script: list[Behavior] = []
        self._lock = threading.RLock()

    def script(self, *behaviors: Behavior) -> None:
        """The behaviors of the next token calls, in order; then the server behaves regularly."""
        with self._lock:
            self._script.extend(behaviors)

    @property
    def has_script(self) -> bool:
        return bool(self._script)

    def code_for(self, *, challenge: str = "", scopes: list[str], redirect_uri: str = "", subject: str = "ada") -> str:
        """An authorization code, as after `subject` consented to `scopes`."""
        code = "code-" + secrets.token_urlsafe(16)
        with self._lock:
            self.grants.codes[code] = Family(subject, scopes, challenge=challenge, redirect_uri=redirect_uri)
        return code

    def knows(self, access_token: str) -> bool:
        """Whether the API accepts this token."""
        with self._lock:
            return self.grants.owner_of(access_token) is not None

    def publish(self, **fields: object) -> None:
        """Publish RFC 8414 metadata with additional fields."""
        self.metadata = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/o/token/",
            **fields,
        }

    # --- the endpoints

    def authorize(self, query: dict[str, str]) -> Answer:
        """The consent page, or a redirect with an error (RFC 6749, 4.1.2.1)."""
        known = {"messages:read", "profile", "offline_access"}
        asked = {scope for scope in query.get("scope", "").split(self.scope_separator) if scope}
        if query.get("client_id") != self.client_id:
            return Answer(400, b"<html>Unknown client</html>", {"Content-Type": "text/html"})
        if not asked <= known:
            back = f"{query['redirect_uri']}?{urlencode({'error': 'invalid_scope', 'state': query['state']})}"
            return Answer(302, b"", {"Location": back})
        return Answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})

    def register(self, asked: dict[str, Any]) -> Answer:
        """Registration (RFC 7591): a new secret for the only client."""
        with self._lock:
            self.registrations.append(asked)
            if self.registration is not None:
                return self.registration
            self.client_authentication = asked["token_endpoint_auth_method"]
            given = {
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "client_secret_expires_at": 0,
                "registration_access_token": "reg-" + secrets.token_urlsafe(16),
            }
            return Answer.json(201, asked | given)

    def next_behavior(self) -> Behavior:
        with self._lock:
            return self._script.pop(0) if self._script else Behavior()

    def token(self, form: dict[str, str], authorization: str) -> Answer:
        grant, shown = form.get("grant_type", ""), form.get("refresh_token", "")
        with self._lock:
            try:
                if not self._is_client(form, authorization):
                    raise Refused("invalid_client")
                is_code = grant == "authorization_code"
                is_client = grant == "client_credentials"
                if is_client:
                    family = self.grants.for_client(form.get("scope", "").split())
                else:
                    family = self.grants.redeem(form) if is_code else self.grants.refresh(shown, self.rotation)
            except Refused as refused:
                self.journal.write(Call("/o/token/", grant, shown, family_revoked=refused.family_revoked, form=form))
                return Answer.json(401 if refused.code == "invalid_client" else 400, {"error": refused.code})
            self.journal.write(Call("/o/token/", grant, shown, accepted=True, form=form))
            document = {"access_token": family.access_tokens[-1], "token_type": "Bearer"}
            if self.expires_in is not None:
                document |= {"expires_in": self.expires_in}
            if is_code or (self.rotation != "none" and not is_client):
                document |= {"refresh_token": family.refresh_token}
            return Answer.json(200, document | {"scope": " ".join(family.scopes)})

    def revoke(self, form: dict[str, str]) -> Answer:
        with self._lock:
            known = self.revocation_status == 200 and self.grants.revoke(form.get("token", ""))
            self.journal.write(Call("/o/revoke_token/", token=form.get("token", ""), accepted=known))
            return Answer.json(self.revocation_status, {})

    def account(self, authorization: str) -> Answer:
        with self._lock:
            family = self.grants.owner_of(authorization.removeprefix("Bearer "))
            self.journal.write(Call("/api/me", accepted=family is not None))
            if self.account_down:
                return Answer.json(503, {})
            if family is None:
                return Answer.json(401, {"error": "invalid_token"})
            return Answer.json(200, {"id": family.subject, "name": f"{family.subject}@sandbox.example"})

    def _is_client(self, form: dict[str, str], authorization: str) -> bool:
        if self.client_authentication == "client_secret_basic":
            return authorization == self._basic()
        named = form.get("client_id") == self.client_id and not authorization
        return named and (self.client_authentication == "none" or form.get("client_secret") == self.client_secret)

    def _basic(self) -> str:
        pair = f"{unquote_plus(self.client_id)}:{unquote_plus(self.client_secret)}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/authorize":
            self._send(self.server.auth.authorize(dict(parse_qsl(urlsplit(self.path).query))))
        elif "/.well-known/" in path and self.server.auth.metadata is not None:
            self._send(Answer.json(200, self.server.auth.metadata))
        elif path == "/api/me":
            self._send(self.server.auth.account(self.headers.get("Authorization", "")))
        else:
            self._send(Answer.json(404, {}))

    def do_POST(self) -> None:
        auth, path = self.server.auth, urlsplit(self.path).path
        if path == "/register":
            self._send(auth.register(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        elif path == "/o/revoke_token/":
            self._send(auth.revoke(self._form()))
        elif path == "/o/token/":
            self._token(auth.next_behavior())
        else:
            self._send(Answer.json(404, {}))

    def _token(self, behavior: Behavior) -> None:
        auth, form = self.server.auth, {} if behavior.before_reading else self._form()
        before, after = auth.gate, auth.answer_gate
        if before:
            before.pass_through()
        auth.arrivals.append(form.get("grant_type", ""))
        answer = behavior.decide(lambda: auth.token(form, self.headers.get("Authorization", "")))
        if after:
            after.pass_through()
        if behavior.send:
            behavior.send(self.connection, answer)
        else:
            self._send(answer)

    def _form(self) -> dict[str, str]:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return dict(parse_qsl(body.decode(), keep_blank_values=True))

    def _send(self, answer: Answer) -> None:
        with suppress(OSError):
            self.connection.sendall(wire(answer))

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    auth: AuthServer

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        request.close()  # without shutdown(), so that a reset by SO_LINGER is sent

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # some tests close connections early


@contextmanager
def auth_server() -> Iterator[AuthServer]:
    """Run a server on a free port of 127.0.0.1 during the block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.auth = AuthServer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.auth
    finally:
        for gate in (server.auth.gate, server.auth.answer_gate):
            if gate:
                gate.open()
        server.shutdown()
        server.server_close()
        thread.join()
