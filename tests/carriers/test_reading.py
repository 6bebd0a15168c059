"""`read_carried`: all carriers of a file."""

import contextlib
import io
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stc.bitstream import MEDIA_TYPE
from stc.bitstream.header import seal
from stc.carriers import ndef, qr
from stc.carriers.reading import MAX_BARE, read_bytes, read_carried
from stc.carriers.text import to_text
from stc.errors import (
    BadMagicError,
    CorruptError,
    NoCodeError,
    SeveralCodesError,
    StcError,
    TruncatedError,
)

FILE = seal(b"\xca\x63", bytes([100]) + bytes(range(120)))
BARE = FILE[4:-2]
OTHER = seal(b"\xca\x63", bytes([90]) + bytes(range(100)))
# Pages 0 to 3: serial number, lock bytes, capability container of an NTAG215.
PAGES = bytes.fromhex("04a1b22f c3d4e5f6 00480000 e1103e00")


def record(kind, name, payload, flags=0xD0):
    """An NDEF record with a short payload: the only one of its message, by the default flags."""
    return bytes([flags | kind, len(name), len(payload)]) + name + payload


ADDRESS = record(1, b"U", b"\x04example.org", 0x90)
FACE = record(2, MEDIA_TYPE.encode(), FILE, 0x50)


def block(message):
    """A message in a tag's memory, followed by the end block."""
    return b"\x03" + bytes([len(message)]) + message + b"\xfe"


def dumps(memory, size=504):
    """A tag's memory as different readers save it."""
    whole = memory + bytes(size - len(memory))
    return {
        "user memory": memory,
        "user memory and what is unused": whole,
        "lock control before it": bytes.fromhex("0103a00c34") + whole,
        "from page 3": PAGES[12:] + whole,
        "from page 0": PAGES + whole,
        "pages after it": PAGES + whole + bytes.fromhex("000000bd 04000000 ffffffff 00000000"),
        "proxmark": bytes(56) + PAGES + whole,
        "type 5": bytes.fromhex("e1403f00") + whole,
        "type 5, long": bytes.fromhex("e2400000000003ff") + whole,
        "digits": (PAGES + whole).hex().encode(),
        "digits, spaced": (PAGES + whole).hex(" ").upper().encode() + b"\r\n",
        "digits, with colons": (PAGES + whole).hex(":").encode(),
    }


@pytest.mark.parametrize("name", dumps(b""))
def test_dumps_of_tags(name):
    assert read_carried(dumps(ndef.memory(FILE, "ntag215"))[name]) == FILE
    assert read_carried(dumps(block(ADDRESS + FACE))[name]) == FILE
    assert read_carried(dumps(ndef.memory(BARE, "ntag215"))[name], bare=True) == BARE


@pytest.mark.parametrize("tag", ["ntag213", "ntag215", "ntag216"])
def test_full_tags(tag):
    face = seal(b"\xca\x63", bytes([100]) * (ndef.capacity(tag) - 6))
    memory = ndef.memory(face, tag)
    assert len(memory) == ndef.TAGS[tag]
    assert read_carried(PAGES[:14] + bytes([ndef.TAGS[tag] // 8, 0]) + memory) == face


def test_messages():
    message = ndef.message(FILE)
    for data in (message, ADDRESS + FACE, len(message).to_bytes(2, "big") + message + bytes(9)):
        assert read_carried(data) == FILE
        assert read_bytes(data) == FILE


@pytest.mark.parametrize("text", [False, True])
def test_pictures_of_codes(text):
    code = qr.make(FILE, text=text).draw()
    assert read_carried(code) == FILE
    assert read_bytes(code) is None
    assert read_carried(qr.make(BARE, text=text).draw(), bare=True) == BARE


def test_files_and_text():
    for data in (FILE, to_text(FILE).lower().encode() + b"\r\n"):
        assert read_carried(data) == read_bytes(data) == FILE
        assert read_carried(data, bare=True) == FILE
    assert read_carried(BARE, bare=True) == BARE
    assert read_carried(to_text(BARE).encode(), bare=True) == BARE
    assert read_carried(b"\x89" + BARE, bare=True) == b"\x89" + BARE


def test_a_file_is_read_without_anything_that_pictures_need(monkeypatch):
    for name in ("PIL", "numpy", "stc.carriers.qr"):
        monkeypatch.setitem(sys.modules, name, None)
    for data in (FILE, to_text(FILE).encode(), PAGES + ndef.memory(FILE, "ntag215")):
        assert read_carried(data) == FILE


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", TruncatedError, "0 bytes are too few"),
        (b"\xfa", TruncatedError, "1 bytes are too few"),
        (b"junk", BadMagicError, "it begins with 'junk'"),
        (b"\xef\xbb\xbf{}", BadMagicError, "it begins with the bytes ef bb bf 7b 7d"),
        (b"HC1:NCFOXN", BadMagicError, "not a .stc file"),
        (bytes(900), BadMagicError, "not a .stc file"),
        (PAGES + bytes(504), BadMagicError, "not a .stc file"),
        (ndef.message(FILE)[:-1], TruncatedError, "ends inside"),
        (PAGES + block(ndef.message(FILE)[:-1]), TruncatedError, "ends inside"),
        (record(1, b"T", MEDIA_TYPE.encode()), CorruptError, "no record of media type"),
        (block(ADDRESS + b"\x12" + FACE[1:]), TruncatedError, "ends inside"),
        (block(b"\x11" + ADDRESS[1:] + FACE), CorruptError, "does not begin where it should"),
    ],
)
def test_what_carries_nothing_is_a_typed_error(data, error, message):
    with pytest.raises(error, match=message):
        read_carried(data)


def test_two_faces_on_a_tag():
    first = record(2, MEDIA_TYPE.encode(), FILE, 0x90)
    assert read_carried(first + FACE) == FILE
    with pytest.raises(SeveralCodesError, match="2 different faces"):
        read_carried(first + record(2, MEDIA_TYPE.encode(), OTHER, 0x50))


def test_a_face_in_chunks_and_under_other_names():
    name = MEDIA_TYPE.upper().encode()
    begin = bytes([0xB2, len(name), 50]) + name + FILE[:50]
    rest = bytes([0x36, 0, 20]) + FILE[50:70] + bytes([0x56, 0, len(FILE) - 70]) + FILE[70:]
    assert read_carried(begin + rest) == FILE
    with pytest.raises(CorruptError, match="chunk out of place"):
        read_carried(begin + FACE)
    with pytest.raises(TruncatedError, match="inside a record in chunks"):
        read_carried(begin + bytes([0x76, 0, 1]) + b"x")
    with_id = bytes([0xDA, len(name), len(FILE), 2]) + name + b"id" + FILE
    assert read_carried(with_id) == FILE


def test_a_picture_that_names_the_media_type_is_still_a_picture():
    notes = PngInfo()
    notes.add_text("Source", MEDIA_TYPE)
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(qr.make(FILE).draw())) as code:
        code.save(buffer, "PNG", pnginfo=notes)
    assert read_carried(buffer.getvalue()) == FILE
    buffer = io.BytesIO()
    Image.new("L", (99, 99)).save(buffer, "PNG", pnginfo=notes)
    with pytest.raises(NoCodeError):
        read_carried(buffer.getvalue())


def test_long_input_is_looked_at_no_further_than_it_could_matter():
    for data in (b"N" * (1 << 22), bytes(1 << 22), MEDIA_TYPE.encode() + b"0" * (1 << 22)):
        tracemalloc.start()
        with pytest.raises(BadMagicError):
            read_carried(data, bare=True)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1 << 21
    assert read_carried(b"~" * MAX_BARE, bare=True) == b"~" * MAX_BARE
    with pytest.raises(BadMagicError):
        read_carried(b"~" * (MAX_BARE + 1), bare=True)


@given(
    st.one_of(
        st.binary(max_size=80),
        st.binary(max_size=80).map(lambda data: b"\x03" + data + MEDIA_TYPE.encode()),
        st.binary(max_size=40).map(lambda data: PAGES + block(data + MEDIA_TYPE.encode())),
        st.binary(max_size=40).map(lambda data: block(ADDRESS + FACE)[:60] + data),
        st.text("0123456789ABCDEFnVv \r\n", max_size=80).map(lambda text: f"NVV{text}".encode()),
    ),
    st.booleans(),
)
def test_any_bytes_give_bytes_or_a_typed_error(data, bare):
    with contextlib.suppress(StcError):
        assert isinstance(read_carried(data, bare=bare), bytes)
