"""Messages of HTTP/1.1: which heads and chunks are understood, dropped or refused, and what a request looks like."""

import io

import pytest

from apps.egress.http1 import Head, chunked, read_chunked, read_head, request_head


def head(*lines: str, method: str = "GET", end: str = "\r\n") -> Head:
    return read_head(io.BytesIO("".join(line + end for line in (*lines, "")).encode("latin-1")), method=method)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_status_headers_and_length_are_read(end: str) -> None:
    found = head("HTTP/1.1 201 Created", "Content-Length: 12", "X-Name:  a: b \t", "X-Name: c", end=end)
    assert (found.status, found.length, found.is_chunked, found.ends_connection) == (201, 12, False, False)
    assert found.headers == [("Content-Length", "12"), ("X-Name", "a: b"), ("X-Name", "c")]


def test_what_follows_the_head_stays_unread() -> None:
    reader = io.BytesIO(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    read_head(reader, method="GET")
    assert reader.read() == b"hi"


def test_a_reason_may_be_missing() -> None:
    assert head("HTTP/1.1 204").status == 204
    assert head("HTTP/1.1 200 ").status == 200


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\r"])
def test_only_a_line_feed_ends_a_header(character: str) -> None:
    found = head("HTTP/1.1 200 OK", f"X-Name: a{character}Location: https://elsewhere.example", "Content-Length: 0")
    assert [name for name, _ in found.headers] == ["X-Name", "Content-Length"]


def test_a_line_that_is_no_header_is_dropped_and_ends_nothing() -> None:
    found = head("HTTP/1.1 200 OK", "no colon", "two words: x", ": nameless", "Content-Length : 3", "X-After: y")
    assert found.headers == [("Content-Length", "3"), ("X-After", "y")]
    assert found.length == 3


def test_a_folded_line_belongs_to_the_one_before() -> None:
    found = head("HTTP/1.1 200 OK", " before any", "X-Long: a", "\tb", " Content-Length: 9")
    assert found.headers == [("X-Long", "a b Content-Length: 9")]


@pytest.mark.parametrize(
    ("lines", "is_chunked", "length", "ends"),
    [
        (["Transfer-Encoding: chunked"], True, None, False),
        (["Transfer-Encoding: Chunked", "Content-Length: 5"], True, None, True),
        (["Transfer-Encoding: gzip, chunked"], False, None, True),
        (["Content-Length: 5", "content-length: 5"], False, 5, False),
        (["Content-Length: 5, 5"], False, 5, False),
        (["Content-Length: 5", "Connection: Keep-Alive, Close"], False, 5, True),
        ([], False, None, True),
    ],
)
def test_how_the_body_ends(lines: list[str], is_chunked: bool, length: int | None, ends: bool) -> None:
    found = head("HTTP/1.1 200 OK", *lines)
    assert (found.is_chunked, found.length, found.ends_connection) == (is_chunked, length, ends)


def test_http_1_0_closes_the_connection_unless_keep_alive_is_sent() -> None:
    assert head("HTTP/1.0 200 OK", "Content-Length: 1").ends_connection
    assert not head("HTTP/1.0 200 OK", "Content-Length: 1", "Connection: keep-alive").ends_connection


@pytest.mark.parametrize(
    ("status", "method"),
    [("204 No Content", "GET"), ("304 Not Modified", "GET"), ("103 Early Hints", "GET"), ("200 OK", "HEAD")],
)
def test_some_responses_have_no_body_whatever_their_headers_say(status: str, method: str) -> None:
    for header in ("Content-Length: 5", "Transfer-Encoding: chunked", "X-Name: a"):
        found = head(f"HTTP/1.1 {status}", header, method=method)
        assert (found.length, found.is_chunked, found.ends_connection) == (0, False, False)


@pytest.mark.parametrize(
    "lines",
    [
        ["HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 6"],
        ["HTTP/1.1 200 OK", "Content-Length: 5, 6"],
        ["HTTP/1.1 200 OK", "Content-Length: -1"],
        ["HTTP/1.1 200 OK", "Content-Length: +5"],
        ["HTTP/1.1 200 OK", "Content-Length: 0x5"],
        ["HTTP/1.1 200 OK", "Content-Length: \xb2"],
        ["HTTP/1.1 200 OK", *["X-Name: a"] * 300],
        ["HTTP/1.1 2000 OK"],
        ["HTTP/1.1 020 OK"],
        ["HTTP/2 200 OK"],
        ["ICY 200 OK"],
        [""],
    ],
)
def test_what_is_not_http_1_is_an_error(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"no response of HTTP|lengths of the body|too many headers"):
        head(*lines)


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nX-Name: a", b"HTTP/1.1 200 OK\r\nX-Name: a\r\n"]
)
def test_an_incomplete_head_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="does not end"):
        read_head(io.BytesIO(data), method="GET")


# --- Chunks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [b"5", b"05", b"5 ", b"5;ext=1", b"5 ; ext", b"0000000000000005"])
def test_a_chunk_has_hexadecimal_digits_and_perhaps_an_extension(size: bytes) -> None:
    assert list(read_chunked(io.BytesIO(size + b"\r\nhello\r\n0\r\n\r\n"))) == [b"hello"]


@pytest.mark.parametrize(
    "size", [b"0x5", b"+5", b"-5", b"0_5", b"5_", b"5h", b"", b";ext", b"5 5", b"\xb2", b"f" * 17, b"5\x00"]
)
def test_any_other_chunk_size_is_malformed(size: bytes) -> None:
    with pytest.raises(ValueError, match="no such length"):
        list(read_chunked(io.BytesIO(size + b"\r\nhello\r\n0\r\n\r\n")))


def test_what_is_sent_in_chunks_is_read_from_chunks() -> None:
    sent = b"".join(chunked([b"he", b"", b"llo"]))
    assert b"".join(read_chunked(io.BytesIO(sent))) == b"hello"


# --- Requests -------------------------------------------------------------------------------------------------------


def test_a_request_is_written_with_its_own_framing_only() -> None:
    given = [("X-Name", "\xe9"), ("Host", "elsewhere"), ("content-length", "9"), ("Transfer-Encoding", "x")]
    sent = request_head("REPORT", "https://api.test:8443/a%2Fb?c=d", given, [("Content-Length", "5")])
    assert sent == (b"REPORT /a%2Fb?c=d HTTP/1.1\r\nHost: api.test:8443\r\nX-Name: \xe9\r\nContent-Length: 5\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "url", "name", "value"),
    [
        ("GET X", "https://api.test/", "X-A", "1"),
        ("", "https://api.test/", "X-A", "1"),
        ("GET", "https://api.test/a b", "X-A", "1"),
        ("GET", "https://api.test/\x7f", "X-A", "1"),
        ("GET", "https://api.test/\xe9", "X-A", "1"),
        ("GET", "https://api.test/", "X A", "1"),
        ("GET", "https://api.test/", "X-A:", "1"),
        ("GET", "https://api.test/", "", "1"),
        ("GET", "https://api.test/", "X-A", "1\r\nX-B: 2"),
        ("GET", "https://api.test/", "X-A", "1\n 2"),
        ("GET", "https://api.test/", "X-A", "1\r2"),
        ("GET", "https://api.test/", "X-A", "\x00"),
        ("GET", "https://api.test/", "X-A", "\u2019"),
    ],
)
def test_characters_that_could_end_a_line_are_not_sent(method: str, url: str, name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be sent|can't encode"):
        request_head(method, url, [(name, value)], [])
