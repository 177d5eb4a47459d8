"""Somebody who may use a connection and wants its token, at a service that repeats it in whatever way."""

import base64
import gzip
import html
import http.client
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from apps import egress
from apps.connections.models import Connection
from apps.connections.services import signing
from tests import factories
from tests.authserver import AuthServer
from tests.combinations import combined
from tests.connections.test_api import Caller, caller, share
from tests.fixtures.connected import connected
from tests.fixtures.connections import Cast, ConnectFlow, access_token
from tests.gateway import test_proxy
from tests.gateway.test_proxy import USE, body_of, proxied

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]
mine = test_proxy.mine

SPELLED: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "address": lambda text: quote(text, safe="").encode(),
    "percent": lambda text: "".join(f"%{ord(sign):02x}" for sign in text).encode(),
    "unicode": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text).encode(),
    "html": lambda text: html.escape(text).encode(),
    "entities": lambda text: "".join(f"&#{ord(sign)};" for sign in text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "HEX": lambda text: text.encode().hex().upper().encode(),
    "capitals": lambda text: text.upper().encode(),
    "small": lambda text: text.lower().encode(),
    "base64": lambda text: base64.b64encode(f"Bearer {text}".encode()),
    "base64 of json": lambda text: base64.b64encode(json.dumps({"Authorization": f"Bearer {text}"}).encode()),
    "base64url": lambda text: base64.urlsafe_b64encode(f"x{text}".encode()),
    "utf-16": lambda text: text.encode("utf-16"),
}


class _Echo(BaseHTTPRequestHandler):
    """`?as=` spells the access that came with the call; ranges, codings and framing are served as asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        token = self.headers["Authorization"].removeprefix("Bearer ")
        spelled = SPELLED[asked.get("as", "plain")](token)
        body, status, headers = b'{"echo": "' + spelled + b'"}', 200, {}
        coding = asked.get("coding") or self.headers.get("Accept-Encoding", "")
        if coding.startswith("gzip"):
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        elif coding.startswith("deflate"):
            body, headers["Content-Encoding"] = zlib.compress(body), "deflate"
        elif coding.startswith(("br", "zstd")):
            headers["Content-Encoding"] = coding  # not really: what matters is that it is not read
        wanted = self.headers.get("Range") or self.headers.get("Request-Range") or asked.get("range", "")
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            body, status = body[int(first) : int(last) + 1], 206
        if "header" in asked:
            headers[asked["header"]] = f"https://x.example/?t={spelled.decode('latin-1')}"
            status = 302 if asked["header"] == "Location" else status
        self.send_response(status, token if "reason" in asked else None)
        for name, value in headers.items():
            self.send_header(name, value)
        if "twice" in asked:
            self.send_header("Content-Encoding", "identity")
            self.send_header("Content-Encoding", "gzip")
            body = gzip.compress(body)
        size = int(asked.get("chunks", "0"))
        if "framing" in asked:
            self.send_header("Transfer-Encoding", "gzip")
            self.close_connection = True
            body = gzip.compress(body)
        elif size:
            self.send_header("Transfer-Encoding", "chunked")
            pieces = [body[at : at + size] for at in range(0, len(body), size)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def connection(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """The member's connection, shared with everybody, whose API is the echo."""
    echo = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=echo.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    host = f"127.0.0.1:{echo.server_address[1]}"
    egress.configure(allowed_hosts=[server.url.removeprefix("http://"), host])
    made, original = connected(connect_flow, cast.actor("member")), signing.provider_of
    monkeypatch.setattr(signing, "provider_of", lambda one: replace(original(one), api_base_url=f"http://{host}"))
    monkeypatch.setattr(signing, "api_hosts", lambda *a, **k: frozenset({host}))
    share(made)
    yield made
    echo.shutdown()
    echo.server_close()


THIEVES = ["a member's key", "an admin's key", "a page"]
# The response takes the same way to each of them, so that one meets every case and the others some.
EVERY_CASE = [THIEVES[0]]


@pytest.fixture(params=THIEVES)
def thief(request: pytest.FixtureRequest, cast: Cast) -> object:
    if request.param == "a page":
        return factories.client_for(cast.admin)
    return caller(cast.member if request.param.startswith("a member") else cast.admin, scopes=USE)


def gains(answer: object, token: str, spelled: bytes) -> bool:
    """Whether an answer holds the token, or more than a beginning of it, in this encoding."""
    whole = body_of(answer) + b"\n" + str(answer.headers).encode("latin-1")  # type: ignore[attr-defined]
    whole += answer.reason_phrase.encode()  # type: ignore[attr-defined]
    middle = spelled[len(spelled) // 4 : len(spelled) * 3 // 4]
    return spelled in whole or middle in whole or token.encode() in whole or token[4:-4].encode() in whole


CHUNKED = [(encoding, chunks) for chunks in (0, 1, 7) for encoding in SPELLED]


@pytest.mark.parametrize(
    ("thief", "case"), combined(THIEVES, CHUNKED, whole=EVERY_CASE, others=len(SPELLED)), indirect=["thief"]
)
def test_no_encoding_reveals_the_token(connection: Connection, thief: Caller, case: tuple[str, int]) -> None:
    encoding, chunks = case
    token = access_token(connection)
    answer = proxied(thief, connection, f"echo?as={quote(encoding)}&chunks={chunks}")
    assert answer.status_code == 200
    assert not gains(answer, token, SPELLED[encoding](token))


NAMES = ["Location", "X-Echo", "Link", "Content-Disposition", "ETag", "WWW-Authenticate"]
HEADERS = [(name, encoding) for encoding in ("plain", "address", "base64", "HEX") for name in NAMES]


@pytest.mark.parametrize(
    ("thief", "case"), combined(THIEVES, HEADERS, whole=EVERY_CASE, others=len(NAMES)), indirect=["thief"]
)
def test_no_header_reveals_the_token(connection: Connection, thief: Caller, case: tuple[str, str]) -> None:
    name, encoding = case
    token = access_token(connection)
    answer = proxied(thief, connection, f"echo?as={encoding}&header={name}")
    assert not gains(answer, token, SPELLED[encoding](token))


def test_the_reason_phrase_is_not_the_services(connection: Connection, thief: Caller) -> None:
    token = access_token(connection)
    assert not gains(proxied(thief, connection, "echo?as=hex&reason=1"), token, token.encode())


@pytest.mark.parametrize("header", ["Range", "Request-Range"])
def test_a_range_request_gets_the_whole_response(connection: Connection, thief: Caller, header: str) -> None:
    token = access_token(connection)
    shown = b""
    for first in range(0, 80, 8):
        asked = {header: f"bytes={first}-{first + 7}", "If-Range": '"v1"'}
        answer = proxied(thief, connection, "echo", headers=asked)
        assert (answer.status_code, answer["Accept-Ranges"]) == (200, "none")
        piece = body_of(answer)
        assert piece.startswith(b'{"echo": "[redacted]')
        shown += piece
    assert token[5:15].encode() not in shown


def test_an_unrequested_partial_response_is_withheld(connection: Connection, thief: Caller) -> None:
    answer = proxied(thief, connection, "echo?range=10-17")
    assert (answer.status_code, answer["Specway-Error"]) == (502, "answer_withheld")
    assert "sent a partial response" in body_of(answer).decode()


def test_a_caller_with_token_access_gets_ranges(connection: Connection, cast: Cast) -> None:
    answer = proxied(caller(cast.member), connection, "echo", headers={"Range": "bytes=10-17"})
    assert (answer.status_code, body_of(answer)) == (206, access_token(connection)[:8].encode())


CODINGS = ["gzip", "deflate", "br", "zstd", "gzip, br;q=0.5", "*"]


@pytest.mark.parametrize(("thief", "asked"), combined(THIEVES, CODINGS, whole=EVERY_CASE, others=2), indirect=["thief"])
def test_content_codings_are_not_requested(connection: Connection, thief: Caller, asked: str) -> None:
    token = access_token(connection)
    answer = proxied(thief, connection, "echo", headers={"Accept-Encoding": asked})
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer
    assert not gains(answer, token, token.encode())


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_unrequested_content_codings_are_decoded(connection: Connection, thief: Caller, coding: str) -> None:
    token = access_token(connection)
    answer = proxied(thief, connection, f"echo?coding={coding}&chunks=3")
    assert answer.status_code == 200
    assert not gains(answer, token, token.encode())


@pytest.mark.parametrize("how", ["coding=br", "coding=zstd", "twice=1", "framing=1"])
def test_responses_in_unknown_codings_are_withheld(connection: Connection, thief: Caller, how: str) -> None:
    answer = proxied(thief, connection, f"echo?{how}")
    assert (answer.status_code, answer["Specway-Error"]) == (502, "answer_withheld")


def test_try_an_action_never_displays_the_token(connection: Connection, cast: Cast) -> None:
    token = access_token(connection)
    for who in (cast.member, cast.admin):
        browser = factories.client_for(who)
        for encoding, spell in SPELLED.items():
            sent = {"method": "GET", "path": f"echo?as={quote(encoding)}", "connection": str(connection.pk)}
            page = browser.post("/try/", sent | {"headers": "Range: bytes=12-20\nAccept-Encoding: br"}).content
            assert b"200 OK" in page
            assert spell(token) not in page
            assert token[5:-5].encode() not in page


def test_the_test_server_does_echo_the_token(connection: Connection, cast: Cast) -> None:
    token = access_token(connection)
    for encoding, spell in SPELLED.items():
        assert spell(token) in body_of(proxied(caller(cast.member), connection, f"echo?as={quote(encoding)}"))
    assert (
        http.client.responses[206]
        == proxied(caller(cast.member), connection, "echo", headers={"Range": "bytes=0-1"}).reason_phrase
    )
