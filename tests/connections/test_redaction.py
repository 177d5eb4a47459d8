"""Secrets in streams: found in every spelling and across any two pieces, in place and without delay."""

import gzip
import random
import zlib

import pytest

from apps.connections.proxy.redaction import Redactor, inflated, redacted, spellings
from apps.egress import NoAnswer

SECRET = "s3cr3t/with+signs=="


@pytest.mark.parametrize("size", range(1, 25))
def test_a_secret_is_found_across_any_pieces(size: int) -> None:
    body = f"before {SECRET}{SECRET} after {SECRET[:9]} end".encode()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    shown = b"".join(redacted(pieces, Redactor(spellings([SECRET]))))
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
        shown = b"".join(redacted(pieces, Redactor((needle,))))
        assert len(shown) == len(body)
        assert needle not in shown


def test_only_what_may_begin_a_secret_is_held_back() -> None:
    redactor = Redactor(spellings([SECRET]))
    assert redactor.feed(b"data: 1\n\n") == b"data: 1\n\n"
    assert redactor.feed(b"data: s3c") == b"data: "
    assert redactor.feed(b"ret\n\n") == b"s3cret\n\n"


def test_spellings_cover_addresses_and_json() -> None:
    found = spellings([SECRET])
    assert b"s3cr3t%2Fwith%2Bsigns%3D%3D" in found
    assert b"s3cr3t%2fwith%2bsigns%3d%3d" in found
    assert rb"s3cr3t\/with+signs==" in found
    assert not any(len(needle) < 4 for needle in spellings(["abc"]))


@pytest.mark.parametrize(
    "encode", [gzip.compress, zlib.compress, lambda body: gzip.compress(body) + gzip.compress(b"!")]
)
def test_compressed_bodies_are_decoded_piece_by_piece(encode) -> None:  # type: ignore[no-untyped-def]
    body = b"x" * 1_000_000 + b"end"
    packed = encode(body)
    pieces = list(inflated(packed[at : at + 100] for at in range(0, len(packed), 100)))
    assert b"".join(pieces).removesuffix(b"!") == body
    assert max(map(len, pieces)) <= 65_536


@pytest.mark.parametrize("body", [b"plain text", gzip.compress(b"cut off" * 100)[:-9]], ids=["plain", "cut off"])
def test_what_cannot_be_decoded_is_no_answer(body: bytes) -> None:
    with pytest.raises(NoAnswer):
        list(inflated([body]))
