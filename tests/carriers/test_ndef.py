"""NDEF: compared with messages written by hand, and with the memory of every tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stc.carriers import ndef
from stc.errors import BudgetError, FormatError

# Block 03 of 29 bytes; record D2 (first, last, short, media type), type of 24 bytes, payload of 2.
BY_HAND = bytes.fromhex("031dd21802") + b"application/vnd.stc-face" + b"\xfa\xc1" + b"\xfe"

# Block 03 with its length in three bytes; record C2 with a payload length of four.
LONG_BY_HAND = (
    bytes.fromhex("03ff014ac21800 00012c") + b"application/vnd.stc-face" + bytes(300) + b"\xfe"
)


def test_a_message_written_by_hand():
    assert ndef.memory(b"\xfa\xc1", "ntag213") == BY_HAND
    assert ndef.message(b"\xfa\xc1") == BY_HAND[2:-1]
    assert ndef.memory(bytes(300), "ntag215") == LONG_BY_HAND
    assert ndef.read(BY_HAND) == b"\xfa\xc1"
    assert ndef.read(LONG_BY_HAND + bytes(30)) == bytes(300)


@pytest.mark.parametrize(("tag", "size"), [("ntag213", 114), ("ntag215", 461), ("ntag216", 837)])
def test_the_largest_file_fills_the_tag(tag, size):
    assert ndef.capacity(tag) == size
    assert len(ndef.memory(bytes(size), tag)) == ndef.TAGS[tag]
    with pytest.raises(BudgetError, match=f"{tag} holds {size}"):
        ndef.memory(bytes(size + 1), tag)


def test_overhead_is_what_memory_adds():
    for size in (0, 1, 224, 225, 227, 228, 254, 255, 256, 800):
        assert len(ndef.memory(bytes(size), "ntag216")) == size + ndef.overhead(size)


def test_unknown_tags_are_refused():
    with pytest.raises(ValueError, match="ntag213, ntag215, ntag216"):
        ndef.capacity("ntag424")


def test_other_blocks_before_the_message_do_not_matter():
    lock = bytes.fromhex("0103a00c34")
    assert ndef.read(bytes(2) + lock + BY_HAND) == b"\xfa\xc1"


@pytest.mark.parametrize(
    ("dump", "message"),
    [
        (b"", "ends inside"),
        (b"\xfe", "no NDEF message"),
        (BY_HAND[:20], "ends inside"),
        (
            BY_HAND.replace(b"stc-face", b"stc-tree"),
            "no record of media type app",
        ),
        (BY_HAND.replace(b"\xd2\x18\x02", b"\xd2\x18\x01"), "goes on"),
        (BY_HAND.replace(b"\x1d\xd2", b"\x1d\x92"), "ends inside"),
    ],
)
def test_damaged_memory_is_a_typed_error(dump, message):
    with pytest.raises(FormatError, match=message):
        ndef.read(dump)


@given(st.binary(max_size=60))
def test_any_memory_gives_bytes_or_a_typed_error(dump):
    for memory in (dump, b"\x03" + dump, BY_HAND[:5] + dump):
        try:
            assert isinstance(ndef.read(memory), bytes)
        except FormatError:
            continue


def test_a_message_whose_payload_looks_like_a_memory_is_a_message():
    """A byte of a capability container at its offset in Proxmark's dumps, and blocks after it."""
    hidden = ndef.memory(b"\xfa\xc1hidden", "ntag213")
    start = 72 - len(ndef.message(b""))
    payload = b"\xfa\xc1".ljust(start - 4, b"\0") + b"\xe1\x10\x12\x00" + hidden
    assert ndef.read(ndef.message(payload)) == payload
