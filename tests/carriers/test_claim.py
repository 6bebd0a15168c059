"""Signed identity claims in place of a .stc file are recognised, and named in the error."""

import io
import tracemalloc
import zlib

import pytest
import segno
from base45 import b45encode
from hypothesis import example, given
from hypothesis import strategies as st

from stc.bitstream.header import seal
from stc.carriers.claim import is_claim
from stc.carriers.excerpt import excerpt
from stc.carriers.reading import read_bytes, read_carried
from stc.carriers.text import to_text
from stc.errors import BadMagicError

FILE = seal(b"\xca\x63", bytes([100]) + bytes(range(120)))
# A token of RFC 8392: tag 61, tag 18, [protected headers, headers, claims, signature].
TOKEN = bytes.fromhex("d83dd28443a10127a10442313159") + (300).to_bytes(2, "big")
TOKEN += bytes(i * i % 251 for i in range(300)) + b"\x58\x40" + bytes(range(64))


def text_of(token, level=9):
    return b45encode(zlib.compress(token, level))


def code(content):
    """A picture of a QR code with a text."""
    buffer = io.BytesIO()
    segno.make_qr(content, error="M").save(buffer, kind="png", scale=4)
    return buffer.getvalue()


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("token", [TOKEN, TOKEN[2:]])  # the first tag may be left out
def test_a_claim_is_recognised_as_text_and_as_bytes(level, token):
    text = text_of(token, level)
    for data in (
        text,
        text.lower() + b"\r\n",
        b"\xff\xfe" + text.decode().encode("utf-16-le"),
        zlib.compress(token, level),
    ):
        assert is_claim(data)
        for bare in (False, True):
            with pytest.raises(BadMagicError, match="signed identity claim"):
                read_bytes(data, bare=bare)


def test_the_error_names_the_example_and_the_document():
    for data, holder in ((text_of(TOKEN), "the text"), (code(text_of(TOKEN)), "the QR code")):
        for bare in (False, True):
            with pytest.raises(BadMagicError) as caught:
                read_carried(data, bare=bare)
            message = str(caught.value)
            assert message.startswith(f"{holder} holds a signed identity claim")
            assert "examples/claim169.py" in message
            assert "docs/qr.md" in message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FILE,
        to_text(FILE).encode(),
        TOKEN,  # not compressed
        zlib.compress(b"hello"),
        b45encode(zlib.compress(FILE)),
        b"HC1:" + text_of(TOKEN),  # a health certificate
        text_of(TOKEN)[:6],
        b":::::",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_other_data_are_no_claims(data):
    assert not is_claim(data)


def test_a_code_with_other_content_is_quoted():
    with pytest.raises(BadMagicError, match=r"begins with 'https://example\.\.\.\.'"):
        read_carried(code("https://example.org"))


@given(st.binary(max_size=300))
@example(b"\xd2\x84")
@example(b"\xd8\x3d\xd2\x84")
def test_any_data_are_judged(data):
    is_token = data.startswith((b"\xd2\x84", b"\xd8\x3d\xd2\x84"))
    assert is_claim(zlib.compress(data)) is is_token
    assert is_claim(b45encode(zlib.compress(data))) is is_token
    assert isinstance(is_claim(data), bool)


def test_a_bomb_is_not_unpacked():
    bomb = b45encode(zlib.compress(bytes(10**8), 9))
    tracemalloc.start()
    try:
        assert not is_claim(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"hello", "'hello'"),
        (b"hello\r\n", "'hello'"),
        (b"%PDF-1.7 and much more", "'%PDF-1.7 and muc...'"),
        (b"\x89PNG\r\n\x1a\n\0\0", "the bytes 89 50 4e 47 0d 0a 1a 0a"),
        ("ä".encode(), "the bytes c3 a4"),
        (b"a\x1b[31m", "the bytes 61 1b 5b 33 31 6d"),
        (b"\n", "the bytes 0a"),
    ],
)
def test_the_beginning_of_data_is_readable(data, expected):
    assert excerpt(data) == expected
