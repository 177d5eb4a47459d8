"""Sessions: destinations, limits of time and size, failures and TLS, over real sockets on loopback."""

import gzip
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import responses

from apps import egress
from apps.egress import addresses, destination
from tests.servers import HttpServer, http_server, raw_server, self_signed

ENOUGH = 10.0  # seconds: never reached in a passing test
SHORT = 0.4


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        running.will_answer(200, b'{"hello": "world"}')
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


def get(
    url: str, *, resolves_to: list[str] | None = None, deadline: float = ENOUGH, max_bytes: int = 1_000_000
) -> bytes:
    resolve = (lambda host, port: resolves_to) if resolves_to else addresses.system_resolver
    with egress.session(deadline=deadline, max_bytes=max_bytes, resolve=resolve) as session:
        return session.get(url).content


# --- Where a request may go --------------------------------------------------------------------------------------


def test_an_allowed_host_is_reached_over_http(server: HttpServer) -> None:
    assert get(f"{server.url}/path?query=1") == b'{"hello": "world"}'
    assert server.received[0].path == "/path?query=1"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.5",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%lo",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_is_refused_even_beside_a_public_one(address: str) -> None:
    with pytest.raises(egress.DestinationBlocked, match="not allowed"):
        get("https://service.test/", resolves_to=["93.184.215.14", address])


@pytest.mark.parametrize("address", ["127.0.0.1", "10.4.3.2", "169.254.169.254", "fe80::1"])
def test_the_address_of_an_internal_name_is_not_disclosed(address: str) -> None:
    with pytest.raises(egress.DestinationBlocked) as caught:
        get("https://wiki.intranet.test/", resolves_to=[address])
    assert str(caught.value) == "The host leads to an address that is not public, which is not allowed."


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "2a00:1450:4001::5"])
def test_public_addresses_are_accepted(address: str) -> None:
    destination.check_address(address)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0", "localhost", "[::1]", "127.0.0.1"]
)
def test_other_notations_of_loopback_are_refused(host: str) -> None:
    with pytest.raises(egress.EgressError) as caught:
        get(f"https://{host}/")
    assert isinstance(caught.value, egress.DestinationBlocked)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0x7F000001", "0177.0.0.1", "127.1", "0", "10.1", "0xa9fea9fe", "169.254.43518"]
)
def test_check_url_refuses_private_addresses_in_every_notation(host: str) -> None:
    with pytest.raises(egress.DestinationBlocked, match="leads to"):
        egress.check_url(f"https://{host}/")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "api.localhost", "service.test:0"])
def test_check_url_refuses_this_machine_by_name_and_port_0(host: str) -> None:
    with pytest.raises(egress.DestinationBlocked):
        egress.check_url(f"https://{host}/")


@pytest.mark.parametrize("host", ["8.8.8.8", "134744072", "service1.test", "1.service.test", "0x.test", "a1.test"])
def test_check_url_accepts_public_addresses_and_names_with_digits(host: str) -> None:
    assert egress.check_url(f"https://{host}/").port == 443


@pytest.mark.parametrize(
    "url",
    [
        "http://service.test/",
        "https://service.test:8443/",
        "https://service.test:80/",
        "https://user:password@service.test/",
        "ftp://service.test/",
        "file:///etc/passwd",
        "gopher://service.test/",
        "javascript:alert(1)",
        "//service.test/",
        "service.test",
        "https:///path",
        "https://service.test:port/",
        "https://[::1/",
        "",
    ],
)
def test_urls_of_other_kinds_are_refused(url: str) -> None:
    with pytest.raises(egress.DestinationBlocked):
        get(url, resolves_to=["93.184.215.14"])
    with pytest.raises(egress.DestinationBlocked):
        egress.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://service.test\\@evil.test/",
        "https://service.test/\r\nX: y",
        "https://a b.test/",
        "https://@service.test/",
    ],
)
def test_check_url_refuses_what_requests_would_quietly_repair(url: str) -> None:
    with pytest.raises(egress.DestinationBlocked):
        egress.check_url(url)


def test_a_literal_private_address_is_refused_without_dns() -> None:
    with pytest.raises(egress.DestinationBlocked, match="link-local"):
        egress.check_url("https://169.254.169.254/latest/meta-data/")


def test_only_the_named_port_of_an_allowed_host_is_open(server: HttpServer) -> None:
    with pytest.raises(egress.DestinationBlocked):
        get(f"http://127.0.0.1:{server.port + 1}/")


def test_an_allowed_name_does_not_open_another_name_of_the_same_address(server: HttpServer) -> None:
    with pytest.raises(egress.DestinationBlocked):
        get(f"http://other.test:{server.port}/", resolves_to=["127.0.0.1"])
    assert not server.received


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("[::1]:8100", "http://[::1]:8100/"),
        ("::1", "http://[::1]:8100/"),
        ("Intranet.Example", "http://intranet.example./"),
        ("intranet.example", "https://intranet.example:8443/"),
    ],
)
def test_allow_list_entries(entry: str, url: str) -> None:
    egress.configure(allowed_hosts=[entry])
    assert egress.is_allowed(egress.check_url(url))


@pytest.mark.parametrize(
    "entry", ["http://intranet", "intranet/path", "user@intranet", "intranet:port", "", "*.corp", "é.test"]
)
def test_allow_list_entries_that_are_not_hosts_are_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="not a host"):
        egress.configure(allowed_hosts=[entry])


def test_a_name_is_resolved_once_and_the_checked_address_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebinding DNS answers with a public address first and with loopback from then on."""
    asked: list[str] = []
    connected: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

    def connect(sock: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with egress.session(deadline=ENOUGH, resolve=rebinding) as session, pytest.raises(egress.NotSent):
        session.get("https://rebinding.test/")
    assert asked == ["rebinding.test"]
    assert connected == ["93.184.215.14"]


def test_the_connection_goes_to_the_resolved_address_and_nowhere_else(server: HttpServer) -> None:
    """The name does not exist for the system's resolver: only the address that was checked can have been used."""
    egress.configure(allowed_hosts=[f"pinned.test:{server.port}"])
    assert get(f"http://pinned.test:{server.port}/", resolves_to=["127.0.0.1"]) == b'{"hello": "world"}'
    assert server.received[0].headers["Host"] == f"pinned.test:{server.port}"


def test_the_next_address_is_tried_when_one_refuses(server: HttpServer) -> None:
    egress.configure(allowed_hosts=["two.test"])
    assert get(f"http://two.test:{server.port}/", resolves_to=["127.255.0.1", "127.0.0.1"])


# --- Redirects, cookies, the environment -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_returned_even_with_allow_redirects(server: HttpServer, status: int) -> None:
    server.answers.clear()
    server.will_answer(status, b"", Location=f"{server.url}/elsewhere")
    with egress.session(deadline=ENOUGH) as session:
        answer = session.post(server.url, data={"code": "c"}, allow_redirects=True)
    assert answer.status_code == status
    assert len(server.received) == 1


def test_no_cookie_is_kept(server: HttpServer) -> None:
    server.answers.clear()
    server.will_answer(200, b"", Set_Cookie="a=b; Path=/")
    with egress.session(deadline=ENOUGH) as session:
        session.get(server.url)
        session.get(server.url)
    assert "Cookie" not in server.received[1].headers


def test_proxies_and_netrc_of_the_environment_are_ignored(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(server.url)
    assert "Authorization" not in server.received[0].headers


# --- Time and size -----------------------------------------------------------------------------------------------

Conversation = Callable[[socket.socket, threading.Event], None]


def drip(first: bytes) -> Conversation:
    """Sends `first`, then a byte at a time, far beyond the deadline that the tests set."""

    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        peer.sendall(first)
        for _ in range(150):
            if not over.wait(0.02):
                peer.sendall(b"x")

    return conversation


def silence(peer: socket.socket, over: threading.Event) -> None:
    over.wait(ENOUGH)


@pytest.mark.parametrize(
    "conversation",
    [
        drip(b""),
        drip(b"HTTP/1.1 200 OK\r\nX-Endless: "),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n"),
        silence,
    ],
    ids=["status line", "header", "body with length", "body without length", "chunk", "silence"],
)
def test_the_deadline_ends_a_response_that_never_ends(conversation: Conversation) -> None:
    with raw_server(conversation) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with pytest.raises(egress.NoResponse, match="in time"):
            get(f"http://127.0.0.1:{port}/", deadline=SHORT)


def test_the_deadline_ends_a_request_that_the_host_does_not_read() -> None:
    with raw_server(silence) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with egress.session(deadline=SHORT) as session, pytest.raises(egress.NoResponse):
            session.post(f"http://127.0.0.1:{port}/", data=b"x" * 50_000_000)


def test_the_deadline_ends_a_tls_handshake_and_nothing_was_sent() -> None:
    with raw_server(silence) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with pytest.raises(egress.NotSent):
            get(f"https://127.0.0.1:{port}/", deadline=SHORT)


def test_the_deadline_covers_a_resolver_that_hangs() -> None:
    over = threading.Event()

    def hanging(host: str, port: int) -> list[str]:
        over.wait(ENOUGH)
        return ["93.184.215.14"]

    with egress.session(deadline=SHORT, resolve=hanging) as session, pytest.raises(egress.NotSent, match="in time"):
        session.get("https://service.test/")
    over.set()


def gzip_bomb() -> bytes:
    return gzip.compress(b"\0" * 30_000_000)


def test_a_gzip_bomb_is_cut_off(server: HttpServer) -> None:
    server.answers.clear()
    server.will_answer(200, gzip_bomb(), Content_Encoding="gzip")
    with pytest.raises(egress.ResponseTooLarge):
        get(server.url)


def test_a_gzip_bomb_in_chunks_is_cut_off() -> None:
    bomb = gzip_bomb()

    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        peer.sendall(head + b"%x\r\n" % len(bomb) + bomb + b"\r\n0\r\n\r\n")

    with raw_server(conversation) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with pytest.raises(egress.ResponseTooLarge):
            get(f"http://127.0.0.1:{port}/")


def test_a_body_up_to_the_limit_passes_and_one_byte_more_does_not(server: HttpServer) -> None:
    server.answers.clear()
    server.will_answer(200, b"x" * 1_000)
    assert len(get(server.url, max_bytes=1_000)) == 1_000
    with pytest.raises(egress.ResponseTooLarge):
        get(server.url, max_bytes=999)


def test_a_compressed_response_is_decompressed(server: HttpServer) -> None:
    server.answers.clear()
    server.will_answer(200, gzip.compress(b"hello"), Content_Encoding="gzip")
    assert get(server.url) == b"hello"


# --- Bodies and how they are framed ------------------------------------------------------------------------------


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("x-gzip", gzip.compress(b"hello", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", raw_deflate(b"hello")),
        ("deflate, gzip", gzip.compress(zlib.compress(b"hello"), mtime=0)),
        ("identity", b"hello"),
        ("", b"hello"),
    ],
)
def test_every_usual_content_coding_is_decoded(server: HttpServer, coding: str, encoded: bytes) -> None:
    server.answers.clear()
    server.will_answer(200, encoded, Content_Encoding=coding)
    assert get(server.url) == b"hello"


def test_a_large_incompressible_body_up_to_the_limit_passes(server: HttpServer) -> None:
    body = os.urandom(200_000)
    server.answers.clear()
    server.will_answer(200, gzip.compress(body), Content_Encoding="gzip")
    assert get(server.url, max_bytes=len(body)) == body


@pytest.mark.parametrize(
    ("response", "status", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
            200,
            b"hello",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Encoding: gzip\r\n\r\n", 200, b""),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + b"HTTP/1.1 201 Created\r\n\r\nhello", 201, b"hello"),
    ],
)
def test_each_framing_of_a_body_is_understood(response: bytes, status: int, body: bytes) -> None:
    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        peer.sendall(response)

    with raw_server(conversation) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with egress.session(deadline=ENOUGH) as session:
            received = session.get(f"http://127.0.0.1:{port}/")
    assert (received.status_code, received.content) == (status, body)


def test_a_response_to_head_has_no_body_whatever_its_headers_say(server: HttpServer) -> None:
    with egress.session(deadline=ENOUGH) as session:
        received = session.head(server.url)
    assert (received.status_code, received.content) == (200, b"")


def test_the_deadline_ends_endless_chunk_extensions() -> None:
    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not over.is_set():
            peer.sendall(b"1;" + b"e" * 10_000 + b"\r\nx\r\n")

    with raw_server(conversation) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with pytest.raises(egress.EgressError):
            get(f"http://127.0.0.1:{port}/", deadline=SHORT, max_bytes=1_000)


# --- Mocking, as the documentation of `responses` shows it ----------------------------------------------------------


def test_the_adapter_can_be_mocked_with_responses() -> None:
    with responses.RequestsMock(target="apps.egress.Adapter.send") as mock:
        mock.post("https://service.test/token", json={"hello": "world"}, status=201)
        with egress.session(deadline=ENOUGH) as session:
            received = session.post("https://service.test/token", data={"a": "b"})
        assert (received.status_code, received.json()) == (201, {"hello": "world"})
        assert mock.calls[0].request.body == "a=b"


# --- Kinds of failures -------------------------------------------------------------------------------------------


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
    with pytest.raises(egress.NotSent):
        get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("host", ["does-not-exist.invalid", "a..b", "x" * 70 + ".test"])
def test_a_name_that_does_not_resolve_means_that_nothing_was_sent(host: str) -> None:
    def failing(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with egress.session(deadline=ENOUGH, resolve=failing) as session, pytest.raises(egress.EgressError) as caught:
        session.get(f"https://{host}/")
    assert isinstance(caught.value, egress.NotSent | egress.DestinationBlocked)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
    ],
)
def test_a_broken_response_means_that_something_was_sent(answer: bytes) -> None:
    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        peer.sendall(answer)

    with raw_server(conversation) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with pytest.raises(egress.NoResponse):
            get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("value", ["a\r\nX-Injected: b", "a\nb", "’"])
def test_a_header_that_cannot_be_sent_is_not_quoted_in_the_error(server: HttpServer, value: str) -> None:
    secret = "s3cret"
    with egress.session(deadline=ENOUGH) as session, pytest.raises(egress.NotSent) as caught:
        session.get(server.url, headers={"Authorization": secret + value})
    assert secret not in str(caught.value)
    assert not server.received


def test_the_content_of_a_broken_response_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\n: s3cret\r\nbad header s3cret\r\nContent-Length: 2\r\n\r\nok")

    caplog.set_level("DEBUG")
    with raw_server(conversation) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with egress.session(deadline=ENOUGH) as session:
            session.get(f"http://127.0.0.1:{port}/?token=s3cret")
    assert "s3cret" not in caplog.text


# --- TLS ---------------------------------------------------------------------------------------------------------


def get_securely(name: str, port: int, trust: str | bool) -> bytes:
    with egress.session(deadline=ENOUGH, resolve=lambda host, port: ["127.0.0.1"]) as session:
        session.verify = trust
        return session.get(f"https://{name}:{port}/").content


def test_tls_sends_and_verifies_the_host_name(tls_server: tuple[HttpServer, str, list[str | None]]) -> None:
    server, trust, asked = tls_server
    assert get_securely("secure.test", server.port, trust) == b"secure"
    assert asked == ["secure.test"]


def test_a_certificate_for_another_name_is_refused(tls_server: tuple[HttpServer, str, list[str | None]]) -> None:
    server, trust, _ = tls_server
    with pytest.raises(egress.NotSent, match="certificate"):
        get_securely("other.test", server.port, trust)
    assert not server.received


@pytest.mark.parametrize("verify", [True, False])
def test_an_unknown_authority_is_refused_even_with_verify_false(
    tls_server: tuple[HttpServer, str, list[str | None]], verify: bool
) -> None:
    server, _, _ = tls_server
    with pytest.raises(egress.NotSent, match="certificate"):
        get_securely("secure.test", server.port, verify)
    assert not server.received


def test_the_deadline_ends_a_dripped_response_over_tls(tmp_path: Path) -> None:
    context, trust = self_signed(tmp_path, "127.0.0.1")

    def conversation(peer: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(peer, server_side=True) as secure:
            drip(b"HTTP/1.1 200 OK\r\nX: ")(secure, over)

    with raw_server(conversation) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with egress.session(deadline=SHORT) as session, pytest.raises(egress.NoResponse, match="in time"):
            session.get(f"https://127.0.0.1:{port}/", verify=trust)
