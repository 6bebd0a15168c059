"""Protocol buffers on the wire: what a message's fields are, without any schema.

https://protobuf.dev/programming-guides/encoding says the same at length.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5  # wire types


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The number and the value of every field, in order.

    Bytes, texts, messages and packed numbers are views of the message, and so are numbers of fixed
    size; the others are integers. Raises ValueError if it is no protobuf message.
    """
    place = 0
    while place < len(message):
        tag, place = read_varint(message, place)
        field, wire = tag >> 3, tag & 7
        if wire == VARINT:
            number, place = read_varint(message, place)
            yield field, number
            continue
        if wire == BYTES:
            length, place = read_varint(message, place)
        elif wire in (FIXED_64, FIXED_32):
            length = 8 if wire == FIXED_64 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {place}")
        end = place + length
        if end > len(message):
            raise ValueError(f"field {field} ends at byte {end} of {len(message)}")
        yield field, message[place:end]
        place = end


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number at `place`, seven bits a byte, and where it ends. Raises ValueError."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("the message ends within a number")
        byte = message[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError(f"a number of more than ten bytes at byte {place}")


def entry(field: int, value: int | bytes | memoryview) -> bytes:
    """A field of a number of any size, or of bytes, text, a message."""
    if isinstance(value, int):
        return varint(field << 3 | VARINT) + varint(value)
    return varint(field << 3 | BYTES) + varint(len(value)) + bytes(value)


def varint(number: int) -> bytes:
    """A number of at least 0, seven bits a byte."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
