"""Secrets in streams: found in every encoding and across any two pieces, in place and without delay."""

import base64
import gzip
import html
import json
import random
import re
import zlib
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest

from apps.egress import NoResponse
from apps.gateway.proxy.encodings import encodings_of
from apps.gateway.proxy.redaction import Redactor, decompressed, redacted

SECRET = "s3cr3t/with+signs=="


@pytest.mark.parametrize("size", range(1, 25))
def test_a_secret_is_found_across_chunks(size: int) -> None:
    body = f"before {SECRET}{SECRET} after {SECRET[:9]} end".encode()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    shown = b"".join(redacted(pieces, Redactor([SECRET])))
    assert len(shown) == len(body)
    assert SECRET.encode() not in shown
    assert shown.endswith(f" after {SECRET[:9]} end".encode())


def test_random_bodies_keep_their_length_and_lose_only_the_secret() -> None:
    chance = random.Random(7)
    needle = b"abcab"
    for _ in range(2_000):
        body = bytes(chance.choice(b"abc") for _ in range(chance.randrange(60)))
        cuts = sorted(chance.randrange(len(body) + 1) for _ in range(5))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        shown = b"".join(redacted(pieces, Redactor([needle.decode()])))
        assert len(shown) == len(body)
        assert needle not in shown


def test_only_the_possible_start_of_a_secret_is_held_back() -> None:
    redactor = Redactor([SECRET])
    assert redactor.feed(b"data: 1\n\n") == b"data: 1\n\n"
    assert redactor.feed(b"data: s3c") == b"data: "
    assert redactor.feed(b"ret\n\n") == b"s3cret\n\n"


def every_sign(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(sign)) for sign in text)


ESCAPES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "capitals": str.upper,
    "lower case": str.lower,
    "in an address": lambda text: quote(text, safe=""),
    "in an address, small hex": lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "in an address twice": lambda text: quote(quote(text, safe=""), safe=""),
    "every sign in an address": every_sign("%{:02X}"),
    "every sign in an address, small": every_sign("%{:02x}"),
    "every sign in an address twice": every_sign("%25{:02x}"),
    "JSON": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text).replace("/", "\\/"))[3:-3],
    "JSON, every sign": every_sign("\\u{:04x}"),
    "JSON, every sign, capitals": every_sign("\\u{:04X}"),
    "JSON in JSON, every sign": every_sign("\\\\u{:04x}"),
    "a script": every_sign("\\x{:02x}"),
    "HTML": html.escape,
    "HTML by numbers": every_sign("&#{};"),
    "HTML by hex": every_sign("&#x{:x};"),
    "HTML in HTML": every_sign("&amp;#{};"),
    "hex": lambda text: text.encode().hex(),
    "hex in capitals": lambda text: text.encode().hex().upper(),
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 of Bearer": lambda text: base64.b64encode(f"Bearer {text}".encode()).decode(),
    "Base64 within JSON": lambda text: base64.b64encode(json.dumps({"a": text, "b": 1}).encode()).decode(),
    "Base64 for addresses": lambda text: base64.urlsafe_b64encode(f"x:{text}".encode()).decode(),
    "Base64 in an address": lambda text: quote(base64.b64encode(f"xy{text}".encode()).decode(), safe=""),
}


def undone(shown: bytes) -> str:
    """What somebody makes of it who undoes what services do."""
    text = shown.decode("latin-1")
    for _ in range(3):
        text = html.unescape(unquote(text)).replace("\\/", "/").replace("\\\\", "\\")
        text = re.sub(r"\\(?:u00|x)([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
    return text.lower()


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("secret", [SECRET, "a.b_c-d~e!f*g'h(i)j%41k&amp;l\"m\\n", "Zz9" * 30])
def test_every_encoding_is_found_across_chunks(name: str, secret: str) -> None:
    spelled = ESCAPES[name](secret).encode()
    body = b'{"it": "' + spelled + b'", "again": "' + spelled + b'"}'
    middle = spelled[len(spelled) // 3 : len(spelled) * 2 // 3]
    for size in (1, 3, 7, 64, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        shown = b"".join(redacted(pieces, Redactor([secret])))
        assert len(shown) == len(body)
        assert middle not in shown
        assert secret.lower() not in undone(shown)
        assert shown.startswith(b'{"it": "')
        assert b'", "again": "' in shown
        assert shown.endswith(b'"}')


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_secrets_in_utf_16_and_utf_32_are_found(encoding: str) -> None:
    body = f"before {SECRET} after".encode(encoding)
    for size in (1, 3, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        shown = b"".join(redacted(pieces, Redactor([SECRET])))
        assert SECRET not in shown.decode(encoding, errors="replace")
        assert len(shown) == len(body)


def test_text_that_looks_like_escapes_is_unchanged() -> None:
    body = rb"100% of %zz &unknown; &#99999999; \u12 \ud800 \" %25 &amp; C:\new \/ " + bytes(range(256))
    for size in (1, 5, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert b"".join(redacted(pieces, Redactor([SECRET]))) == body


def test_short_secrets_are_not_searched_for() -> None:
    assert encodings_of(["abc"]) == ()
    assert not any(len(needle) < 8 for needle in encodings_of(["abcd"]) if needle != b"abcd" and b"\0" not in needle)


@pytest.mark.parametrize(
    "encode", [gzip.compress, zlib.compress, lambda body: gzip.compress(body) + gzip.compress(b"!")]
)
def test_compressed_bodies_are_decoded_in_bounded_chunks(encode) -> None:  # type: ignore[no-untyped-def]
    body = b"x" * 1_000_000 + b"end"
    packed = encode(body)
    pieces = list(decompressed(packed[at : at + 100] for at in range(0, len(packed), 100)))
    assert b"".join(pieces).removesuffix(b"!") == body
    assert max(map(len, pieces)) <= 65_536


@pytest.mark.parametrize("body", [b"plain text", gzip.compress(b"cut off" * 100)[:-9]], ids=["plain", "cut off"])
def test_an_undecodable_body_is_an_error(body: bytes) -> None:
    with pytest.raises(NoResponse):
        list(decompressed([body]))


def test_secrets_are_redacted_in_each_header() -> None:
    given = [("X-One", "a"), ("X-Two", f"before {SECRET} after"), ("X-Three", ""), ("X-Four", quote(SECRET))]
    shown = Redactor([SECRET]).headers(given)
    assert [name for name, _ in shown] == [name for name, _ in given]
    assert shown[0] == given[0]
    assert shown[2] == given[2]
    assert SECRET not in str(shown)
    assert [len(value) for _, value in shown] == [len(value) for _, value in given]
    assert Redactor([SECRET]).headers([]) == []


def test_a_multi_line_secret_does_not_remove_headers() -> None:
    given = [("X-One", "first line"), ("X-Two", "second line")]
    assert Redactor(["first line\nsecond line"]).headers(given) == given


def test_delays_reveal_nothing_about_the_secret() -> None:
    for sent in (
        b"s",
        b"s3",
        b"s3cr3t/with",
        b"x",
        b"data: s3c",
        b"data: xyz",
        b"s3cr3t/with+signs=",
        b"a,b",
        b'{"a": "s',
    ):
        matching, other = Redactor([SECRET]), Redactor(["qQ7/" + "z" * (len(SECRET) - 4)])
        assert matching.feed(sent) == other.feed(sent)


def test_a_header_with_the_secret_in_its_name_is_removed() -> None:
    token = "Token-0123456789"
    given = [(f"X-{token}", "a"), (f"X-{token.encode().hex()}", "b"), ("X-Other", "c")]
    assert Redactor([token]).headers(given) == [("X-Other", "c")]
