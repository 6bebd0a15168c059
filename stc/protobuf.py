"""The wire format of Protocol Buffers: read and write fields without a schema.

Specification: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5  # wire types


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of every field, in order.

    The value is an int for a varint field. For all others (bytes, text, messages, packed numbers
    and numbers of fixed size) it is a view of the message. Raises ValueError if the bytes are not
    a protobuf message.
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


def values(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the values of the field `number` that are bytes, text or messages, in order.

    Raises ValueError as `fields` does.
    """
    for field, value in fields(message):
        if field == number and isinstance(value, memoryview):
            yield value


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """Read the varint at byte `place`; return its value and the place of the byte after it.

    Raises ValueError if it is cut short or has more than ten bytes.
    """
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
    """Return an encoded field: a varint for an int of at least 0, else length and bytes."""
    if isinstance(value, int):
        return varint(field << 3 | VARINT) + varint(value)
    return varint(field << 3 | BYTES) + varint(len(value)) + bytes(value)


def varint(number: int) -> bytes:
    """Encode an integer of at least 0 as a varint, seven bits in each byte."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
