"""Heads of answers: what is read of them, what is dropped, and what is no answer."""

import io

import pytest

from apps.egress.head import Head, read_head


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


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x85", "\r"])
def test_only_a_line_feed_ends_a_header(sign: str) -> None:
    found = head("HTTP/1.1 200 OK", f"X-Name: a{sign}Location: https://elsewhere.example", "Content-Length: 0")
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


def test_the_older_version_ends_the_connection_unless_it_says_otherwise() -> None:
    assert head("HTTP/1.0 200 OK", "Content-Length: 1").ends_connection
    assert not head("HTTP/1.0 200 OK", "Content-Length: 1", "Connection: keep-alive").ends_connection


@pytest.mark.parametrize(
    ("status", "method"),
    [("204 No Content", "GET"), ("304 Not Modified", "GET"), ("103 Early Hints", "GET"), ("200 OK", "HEAD")],
)
def test_some_answers_have_no_body_whatever_their_headers_say(status: str, method: str) -> None:
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
def test_what_cannot_be_understood_is_no_answer(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"no answer of HTTP|lengths of the body|too many headers"):
        head(*lines)


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nX-Name: a", b"HTTP/1.1 200 OK\r\nX-Name: a\r\n"]
)
def test_a_head_that_breaks_off_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match="does not end"):
        read_head(io.BytesIO(data), method="GET")
