"""Base45 text from scanners, clipboards and editors."""

import codecs
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stc.bitstream.header import seal
from stc.carriers.text import from_text, to_text
from stc.errors import MissingExtraError

FILE = seal(b"\xca\x63", bytes([60]) + bytes(range(100, 161)))  # valid, with an odd number of bytes
TEXT = to_text(FILE)


# Vectors of RFC 9285, sections 4.3 and 4.4.
@pytest.mark.parametrize(
    ("data", "text"),
    [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"", "")],
)
def test_base45(data, text):
    assert to_text(data) == text


@pytest.mark.parametrize(
    "scanned",
    [
        TEXT,
        TEXT.lower(),
        f"{TEXT}\n",
        f"{TEXT}\r\n",
        f"{TEXT}\r\n\r\n",
        f"  {TEXT} ",
        f"\t{TEXT}\t",
        f" {TEXT} \r\n",
        f'"{TEXT}"\n',
        f"]Q1{TEXT}\r",
        f"{TEXT[:40]}\n{TEXT[40:]}\n",
        f"{TEXT}\0",
        f"\ufeff{TEXT}\r\n",
        json.dumps({"base45": TEXT, "bytes": len(FILE), "quality": 0.98}),
    ],
)
def test_what_scanners_make_of_it(scanned):
    assert from_text(scanned.encode()) == FILE
    for wide, mark in (("le", codecs.BOM_UTF16_LE), ("be", codecs.BOM_UTF16_BE)):
        found = from_text(mark + scanned.lstrip("\ufeff").encode(f"utf-16-{wide}"))
        assert found == FILE or scanned.startswith("{")  # JSON is UTF-8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        FILE,
        b"HELLO",
        TEXT[3:].encode(),  # no magic
        TEXT[:-1].encode() + b"_",
        TEXT.replace("VV", "V\xdf").encode(),  # sharp s, whose upper case is SS
        TEXT.encode() + b"\xff",
        b"\xff\xfe\xff",
        b"{",
        b'{"base45": 5}',
        b'{"base45": "\xc3\xa4"}',
        b'{"text": ' + b"[" * 100000,
        TEXT.encode() + b"0" * (1 << 19),
    ],
)
def test_anything_else_is_left_alone(data):
    assert from_text(data) is None


def test_the_text_of_a_damaged_file_is_still_its_text():
    damaged = to_text(FILE[:-3] + b"\0" + FILE[-2:])
    assert from_text(damaged.encode()) == FILE[:-3] + b"\0" + FILE[-2:]


def test_bare_text_needs_some_letters():
    bare = FILE[4:-2]
    assert from_text(to_text(bare).lower().encode() + b"\n", bare=True) == bare
    short = to_text(bytes(10)).encode()
    assert from_text(short, bare=True) is None
    assert from_text(short, bare=True, shortest=0) == bytes(10)
    assert from_text(b"_" * 30, bare=True) is None


def test_a_bare_file_whose_text_begins_with_a_space():
    bare = (36).to_bytes(2, "big") + bytes(30)
    text = to_text(bare)
    assert text.startswith(" ")
    assert from_text(text.encode() + b"\n", bare=True) == bare


@given(st.binary(min_size=16, max_size=60))
def test_every_bare_file_comes_back(bare):
    assert from_text(to_text(bare).encode() + b"\r\n", bare=True) == bare


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "base45", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'stc-face-codec\[qr\]'"):
        from_text(TEXT.encode())
    assert from_text(b"HELLO") is None
