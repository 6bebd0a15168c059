"""Invalid files that every decoder must refuse, each with the required error.

A truncated payload with a corrected checksum is not among them: it may be a valid payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from conformance.valid import Message, pack
from stc.bitstream.header import seal, split_count
from stc.codec.model_file import ModelFile


@dataclass(frozen=True)
class Broken:
    """An invalid file, what is wrong with it, and the required error."""

    name: str
    why: str
    error: str
    data: bytes
    bare: bool = False


def broken_files(model: ModelFile, whole: Message) -> Iterator[Broken]:
    """Yield the invalid files, made from the file of a message of all tokens, at least 128."""
    sound = pack(model, whole)
    short, body = sound[2:4], sound[4:-2]
    count, payload = split_count(body)

    def sealed(body: bytes) -> bytes:
        return seal(short, body)

    def counted(number: int, rest: bytes = payload) -> bytes:
        head = bytes([number]) if number < 128 else (0x8000 | number).to_bytes(2, "big")
        return sealed(head + rest)

    def flipped(at: int) -> bytes:
        return sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :]

    def version(number: int) -> bytes:
        return reseal(bytes([0xFA, 0xC0 | number]) + sound[2:-2])

    truncated, corrupt = "TruncatedError", "CorruptError"
    yield Broken("no-bytes", "no bytes", truncated, b"")
    yield Broken("one-byte", "half of the magic", truncated, sound[:1])
    yield Broken("magic-alone", "magic and version", truncated, sound[:2])
    yield Broken("six-bytes", "six bytes, the checksum is right", truncated, sealed(b""))
    yield Broken("png", "a picture", "BadMagicError", bytes.fromhex("89504e470d0a1a0a"))
    yield Broken("magic", "one bit of the magic", "BadMagicError", flipped(0))
    yield Broken("version-0", "version 0, the checksum is right", UNKNOWN, version(0))
    yield Broken("version-2", "version 2, the checksum is right", UNKNOWN, version(2))
    yield Broken("version-2-short", "version 2 in four bytes", UNKNOWN, version(2)[:4])
    for at, part in ((2, "model"), (4, "count"), (len(sound) // 2, "payload")):
        yield Broken(f"flip-{part}", f"one bit of the {part}", corrupt, flipped(at))
    yield Broken("flip-checksum", "one bit of the checksum", corrupt, flipped(len(sound) - 1))
    yield Broken("cut", "without its last byte", corrupt, sound[:-1])
    yield Broken("cut-in-half", "the first half", corrupt, sound[: len(sound) // 2])
    yield Broken("byte-behind", "one byte too many", corrupt, sound + b"\0")
    zeros = sound[:-2] + bytes(2)
    yield Broken("checksum-zero", "a checksum of zero", corrupt, zeros)
    other = reseal(sound[:2] + bytes([short[0] ^ 255]) + sound[3:-2])
    yield Broken("other-model", "of a model that is not at hand", "WrongModelError", other)
    stranger = bytes([short[0] ^ 255, short[1]])
    name = "other-model-count-0"
    yield Broken(name, "no tokens, of another model", corrupt, seal(stranger, b"\0" + payload))
    above, name = seal(stranger, b"\xff\xff" + payload), "other-model-count-above"
    yield Broken(name, "32,767 tokens, of another model", "WrongModelError", above)
    yield Broken("count-0", "no tokens", corrupt, counted(0))
    yield Broken("count-0-alone", "no tokens, no payload", corrupt, sealed(b"\0"))
    long = sealed((0x8000 | 5).to_bytes(2, "big") + payload)
    yield Broken("count-long", "5 tokens, the count in two bytes", corrupt, long)
    zero = sealed((0x8000).to_bytes(2, "big") + payload)
    yield Broken("count-long-0", "no tokens, the count in two bytes", corrupt, zero)
    yield Broken("count-cut", "the first of two bytes of the count", truncated, sealed(b"\x80"))
    yield Broken("count-above", "one token more than the model", corrupt, counted(count + 1))
    yield Broken("count-most", "32,767 tokens", corrupt, counted(32767))
    fewer = _fewer(model, whole, payload)
    yield Broken("count-below", f"a count of {fewer} for {count} tokens", corrupt, counted(fewer))
    yield Broken("count-few", "one token, the payload of all", corrupt, counted(1))
    yield Broken("payload-zero", "a zero behind the payload", corrupt, sealed(body + b"\0"))
    yield Broken("payload-zeros", "1,000 zeros behind it", corrupt, sealed(body + bytes(1000)))
    beyond = sealed(body[:2] + b"\xff" * len(payload))
    yield Broken("payload-ones", "a point beyond all symbols", corrupt, beyond)
    yield Broken("payload-larger", "decodes, is not the least number", corrupt, larger(model))
    yield Broken("bare-no-bytes", "bare: no bytes", truncated, b"", bare=True)
    yield Broken("bare-count-cut", "bare: half a count", truncated, b"\x80", bare=True)
    yield Broken("bare-count-0", "bare: no tokens", corrupt, b"\0" + payload, bare=True)
    above = (0x8000 | count + 1).to_bytes(2, "big") + payload
    yield Broken("bare-count-above", "bare: one token too many", corrupt, above, bare=True)
    yield Broken("bare-zero", "bare: a zero behind", corrupt, body + b"\0", bare=True)


UNKNOWN = "UnsupportedVersionError"


def _fewer(model: ModelFile, message: Message, payload: bytes) -> int:
    """The largest token count with another payload; likely last tokens may take no bits."""
    group, indices = message
    for count in range(len(indices) - 1, 0, -1):
        if split_count(pack(model, (group, indices[:count]), bare=True))[1] != payload:
            return count
    raise ValueError("one token has the payload of all")


def reseal(start: bytes) -> bytes:
    """Append a checksum to bytes, which may begin with any magic."""
    register = 0xFFFF
    for byte in start:
        register ^= byte << 8
        for _ in range(8):
            register = register << 1 ^ (0x1021 if register & 0x8000 else 0)
            register &= 0xFFFF
    return start + register.to_bytes(2, "big")


def larger(model: ModelFile) -> bytes:
    """A file whose payload is shortest and decodes, but is not the least number that does.

    Found by trying messages until payload + 1 decodes to the same message.
    """
    from stc.bitstream.plain import decode_message

    for first in range(model.tables.levels[0].shape[2]):
        message: Message = (0, np.array([first]))
        sound = pack(model, message)
        payload = sound[5:-2]
        if not payload or payload[-1] == 255:
            continue
        more = payload[:-1] + bytes([payload[-1] + 1])
        group, found = decode_message(model.tables, 1, more)
        if group == 0 and found.tolist() == [first]:
            return seal(sound[2:4], b"\x01" + more)
    raise ValueError("no message has two payloads of its least length")
