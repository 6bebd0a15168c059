"""Read ONNX files as nodes and constants, and cut out parts of them, without the package onnx.

Only the features that the encoder's eye uses are supported: no subgraphs, and only constants whose
bytes are in the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.protobuf import entry, fields, read_varint, values

# Field numbers from onnx.proto. ModelProto and GraphProto:
_GRAPH, _NODE, _CONSTANT, _OUTPUT = 7, 1, 5, 12
# NodeProto and AttributeProto:
_INPUTS, _OUTPUTS, _KIND, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _FLOAT, _INTEGER, _TEXT, _INTEGERS = 1, 2, 3, 4, 8
# TensorProto:
_SIZES, _TYPE, _TENSOR_NAME, _DATA = 1, 2, 8, 9
_TYPES: dict[int, type[np.generic]] = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    6: np.int32,
    7: np.int64,
    10: np.float16,
}


@dataclass(frozen=True)
class Node:
    """One operation of an ONNX graph."""

    kind: str  # operator type, such as "Conv"
    inputs: tuple[str, ...]  # names; "" for an optional input that is left out
    outputs: tuple[str, ...]
    attributes: dict[str, Any]  # int, list of int, str or float


def read(model: bytes) -> tuple[list[Node], dict[str, npt.NDArray[Any]]]:
    """Return the nodes of an ONNX file in order, and its constants by name.

    Raises ValueError if the file cannot be parsed, or has constants of an unsupported type.
    """
    nodes: list[Node] = []
    constants: dict[str, npt.NDArray[Any]] = {}
    for graph in values(memoryview(model), _GRAPH):
        nodes += [_node(one) for one in values(graph, _NODE)]
        constants.update(_constant(one) for one in values(graph, _CONSTANT))
    return nodes, constants


def part(model: bytes, wanted: list[str]) -> bytes:
    """Return an ONNX file with only the wanted outputs and the nodes that they need.

    ONNX Runtime would otherwise run all nodes. Raises ValueError as `read` does.
    """
    nodes, _ = read(model)
    names = {name for node in needed(nodes, wanted) for name in node.outputs}
    return b"".join(
        entry(number, _part(value, names, wanted) if number == _GRAPH else value)
        for number, value in fields(memoryview(model))
    )


def _part(graph: int | memoryview, names: set[str], wanted: list[str]) -> bytes:
    """A graph without the nodes that have no output in `names`, and without unwanted outputs."""
    kept = []
    for number, value in fields(memoryview(b"" if isinstance(graph, int) else graph)):
        if isinstance(value, memoryview):
            if number == _NODE and not names.intersection(_texts(value, _OUTPUTS)):
                continue
            if number == _OUTPUT and not set(wanted).intersection(_texts(value, _NAME)):
                continue
        kept.append(entry(number, value))
    return b"".join(kept)


def needed(nodes: list[Node], wanted: list[str]) -> list[Node]:
    """Return the nodes, in order, on which the wanted outputs depend."""
    names, found = set(wanted), []
    for node in reversed(nodes):
        if names.intersection(node.outputs):
            names.update(node.inputs)
            found.append(node)
    return found[::-1]


def _node(message: memoryview) -> Node:
    (kind,) = _texts(message, _KIND)
    attributes = dict(_attribute(one) for one in values(message, _ATTRIBUTE))
    return Node(kind, (*_texts(message, _INPUTS),), (*_texts(message, _OUTPUTS),), attributes)


def _attribute(message: memoryview) -> tuple[str, Any]:
    (name,) = _texts(message, _NAME)
    if found := _integers(message, _INTEGERS):
        return name, found
    if found := _integers(message, _INTEGER):
        return name, found[0]
    if texts := _texts(message, _TEXT):
        return name, texts[0]
    for one in values(message, _FLOAT):
        return name, struct.unpack("<f", one)[0]
    return name, None


def _constant(message: memoryview) -> tuple[str, npt.NDArray[Any]]:
    (name,), (kind,) = _texts(message, _TENSOR_NAME), _integers(message, _TYPE)
    if kind not in _TYPES:
        raise ValueError(f"constant {name} has the unsupported data type {kind}")
    data = b"".join(values(message, _DATA))
    numbers = np.frombuffer(data, np.dtype(_TYPES[kind]).newbyteorder("<"))
    return name, numbers.astype(_TYPES[kind]).reshape(_integers(message, _SIZES))


def _texts(message: memoryview, wanted: int) -> list[str]:
    return [str(value, "utf-8") for value in values(message, wanted)]


def _integers(message: memoryview, wanted: int) -> list[int]:
    """The integers of a field, repeated or packed; negative ones are stored modulo 2^64."""
    found: list[int] = []
    for number, value in fields(message):
        if number != wanted:
            continue
        if isinstance(value, int):
            found.append(value)
            continue
        place = 0
        while place < len(value):
            one, place = read_varint(value, place)
            found.append(one)
    return [one - (1 << 64) if one >> 63 else one for one in found]
