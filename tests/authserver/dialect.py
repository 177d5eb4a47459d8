"""An authorization server that speaks the dialect of one service, by the rules of `grants.py`, and keeps every request.

The dialect says how a request is to be read and an answer to be put; what is no request in it is refused. Everything
else (codes, PKCE, redirect URIs, rotation) is judged as by any other server.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from apps.oauth.provider import ClientCredentials
from tests.authserver.grants import Family, Grants, Refused, Rotation
from tests.servers import Received

ClientProof = Literal["basic", "post", "none", "header"]
Document = dict[str, Any]


def fields_in(request: Received, reads: str = "form") -> dict[str, str]:
    """The parameters of a request's body (form or JSON) or query."""
    if reads == "query":
        return dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
    if reads == "json":
        assert request.headers["Content-Type"] == "application/json"
        return dict(json.loads(request.body))
    return request.form


@dataclass(frozen=True)
class Dialect:
    """How a service departs from the RFCs. `names` and `grants` lead from the RFC's word to the service's.

    `says` makes its token answer of the genuine one: a document, or a text that is no JSON; `inner` finds the genuine
    token in the one that was said. `pages` are further
    answers, by path: a document that everybody gets, or one that depends on the request.
    """

    reads: Literal["form", "json", "query"] = "form"
    names: Mapping[str, str] = field(default_factory=dict)
    grants: Mapping[str, str] = field(default_factory=dict)
    client: ClientProof = "basic"
    refresh_client: ClientProof | None = None
    rotation: Rotation = "none"
    says: Callable[[Document], Any] = lambda document: document
    inner: Callable[[str], str] = lambda token: token
    refuses_with: Mapping[str, Any] = field(default_factory=dict)
    revocation: tuple[int, Any] = (200, {})
    pages: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class DialectServer:
    """The running server. `received` are all requests, `grants` the issued grants."""

    port: int
    client: ClientCredentials
    dialect: Dialect = field(default_factory=Dialect)
    grants: Grants = field(default_factory=Grants)
    received: list[Received] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def elsewhere(self) -> str:
        """The server under another host name."""
        return f"http://localhost:{self.port}"

    def calls(self, *paths: str) -> list[Received]:
        """The requests to those paths, in order."""
        return [request for request in self.received if urlsplit(request.path).path in paths]

    def grants_code(self, *, challenge: str, redirect_uri: str, scopes: Sequence[str] = ("read",)) -> str:
        """An authorization code, as after a consent."""
        code = "code-" + secrets.token_urlsafe(16)
        with self.lock:
            self.grants.codes[code] = Family("ada", list(scopes), challenge=challenge, redirect_uri=redirect_uri)
        return code

    def live_token_in(self, request: Received) -> str:
        """The valid access token in the request's headers, query or body; "" without one."""
        raw = f"{request.path} {request.headers} {request.body.decode()}"
        alive = [family for family in self.grants.families if not family.revoked]
        return next((token for family in alive for token in family.access_tokens if token in raw), "")

    def answer(self, request: Received) -> tuple[int, Any]:
        with self.lock:
            self.received.append(request)
            path = urlsplit(request.path).path
            if path in ("/token", "/refresh", "/long"):
                return self._token(request)
            if path.startswith("/revoke"):
                return self._revoke(request)
            if path in self.dialect.pages:
                page = self.dialect.pages[path]
                return 200, page(request) if callable(page) else page
            return (200, {"welcome": True}) if self.live_token_in(request) else (401, {"error": "invalid_token"})

    def _token(self, request: Received) -> tuple[int, Any]:
        try:
            form = self._understood(request)
            family = self._granted(form, request)
        except Refused as refused:
            return 400, {"error": refused.code, **self.dialect.refuses_with}
        document: Document = {"access_token": family.access_tokens[-1], "token_type": "Bearer", "expires_in": 3600}
        is_refresh = form["grant_type"] == "refresh_token"
        if family.refresh_token and not (is_refresh and self.dialect.rotation == "none"):
            document["refresh_token"] = family.refresh_token
        return 200, self.dialect.says({**document, "scope": " ".join(family.scopes)})

    def _understood(self, request: Received) -> dict[str, str]:
        """The parameters under the RFC's names. Names other than this service's are ignored."""
        reads = "query" if request.method == "GET" else self.dialect.reads
        theirs = {name: word for word, name in self.dialect.names.items()}
        shown = fields_in(request, reads)
        form = {theirs.get(name, name): value for name, value in shown.items() if name not in self.dialect.names}
        grants = {name: word for word, name in self.dialect.grants.items()}
        given = form.get("grant_type", "")
        form["grant_type"] = grants.get(given, "" if given in self.dialect.grants else given)
        return form

    def _granted(self, form: dict[str, str], request: Received) -> Family:
        grant = form["grant_type"]
        if grant == "renew":  # a long-lived token is renewed without client authentication
            return self._longer(form.get("token", ""))
        refreshes = grant == "refresh_token"
        self._check_client(form, request, (refreshes and self.dialect.refresh_client) or self.dialect.client)
        if grant == "authorization_code":
            return self.grants.redeem(form)
        if grant == "client_credentials":
            return self.grants.for_client(form.get("scope", "").split())
        if grant == "exchange":
            return self._longer(form.get("token", ""))
        if refreshes:
            return self.grants.refresh(form.get("refresh_token", ""), self.dialect.rotation)
        raise Refused("unsupported_grant_type")

    def _longer(self, token: str) -> Family:
        family = self.grants.owner_of(token)
        if family is None:
            raise Refused("invalid_grant")
        family.issue(rotate=False)
        return family

    def _check_client(self, form: dict[str, str], request: Received, proof: ClientProof) -> None:
        named, secret = form.get("client_id"), form.get("client_secret")
        header = request.headers.get("Authorization", "")
        fits = {
            "basic": header == self.client.basic() and named is None and secret is None,
            "post": (named, secret, header) == (self.client.client_id, self.client.client_secret, ""),
            "none": (named, secret, header) == (self.client.client_id, None, ""),
            "header": request.headers.get("X-Secret") == self.client.client_secret and secret is None,
        }
        if not fits[proof]:
            raise Refused("invalid_client")

    def _revoke(self, request: Received) -> tuple[int, Any]:
        raw = f"{request.path} {request.headers} {request.body.decode()}"
        for family in self.grants.families:
            if any(token and token in raw for token in (family.refresh_token, *family.access_tokens)):
                family.revoked = True
        return self.dialect.revocation


@contextmanager
def dialect_server(client: ClientCredentials) -> Iterator[DialectServer]:
    """Run a server on a free port of 127.0.0.1 during the block."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = state.answer(Received(self.command, self.path, dict(self.headers.items()), body))
            is_form = isinstance(said, str)
            content = said.encode() if is_form else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-www-form-urlencoded" if is_form else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PUT = _any

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = DialectServer(server.server_address[1], client)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
