"""What is read and changed in an ONNX file, without the package onnx: the names of its tensors, and
which of them the network gives.

The file is a protobuf message. ModelProto: field 7 is the graph. GraphProto: field 1, repeated, is
a node; field 12, repeated, an output. NodeProto: field 2, repeated, is the name of an output.
ValueInfoProto: field 1 is a name (onnx.proto, IR version 3 and later). A message that comes twice
is merged with the first by every reader, so outputs are added by appending a second graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # wire types
_GRAPH, _NODE, _NODE_OUTPUT, _OUTPUT, _NAME = 7, 1, 2, 12, 1


def tensors(model: bytes) -> list[str]:
    """Names of what the nodes of the graph compute, in the order of the file.

    Raises ValueError if the bytes are no protobuf message.
    """
    found = []
    for graph in _fields(memoryview(model), _GRAPH):
        for node in _fields(graph, _NODE):
            found += [str(name, "utf-8") for name in _fields(node, _NODE_OUTPUT)]
    return [name for name in found if name]  # an output that is left out has an empty name


def outputs(model: bytes) -> list[str]:
    """Names of what the network gives. Raises ValueError as `tensors` does."""
    return [
        str(name, "utf-8")
        for graph in _fields(memoryview(model), _GRAPH)
        for output in _fields(graph, _OUTPUT)
        for name in _fields(output, _NAME)
    ]


def with_outputs(model: bytes, names: Iterable[str]) -> bytes:
    """The network that gives these tensors too, after its own outputs and in this order."""
    added = b"".join(_message(_OUTPUT, _message(_NAME, name.encode())) for name in names)
    return model + _message(_GRAPH, added)


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The values of one field that holds bytes, text or messages, in order."""
    place = 0
    while place < len(message):
        tag, place = _read_varint(message, place)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _, place = _read_varint(message, place)
            continue
        if wire == _BYTES:
            length, place = _read_varint(message, place)
        elif wire in (_FIXED_64, _FIXED_32):
            length = 8 if wire == _FIXED_64 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {place}")
        end = place + length
        if end > len(message):
            raise ValueError(f"field {field} ends at byte {end} of {len(message)}")
        if field == wanted and wire == _BYTES:
            yield message[place:end]
        place = end


def _read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number that begins at `place`, seven bits a byte, and where it ends."""
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


def _message(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
