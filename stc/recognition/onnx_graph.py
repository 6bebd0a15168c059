"""Reads the tensor names of an ONNX file and adds outputs to its graph, without the package onnx.

The file is a protobuf message. ModelProto: field 7 is the graph. GraphProto: field 1, repeated, is
a node; field 12, repeated, an output. NodeProto: field 2, repeated, is the name of an output.
ValueInfoProto: field 1 is a name (onnx.proto, IR version 3 and later). Protobuf readers merge a
field that holds one message if it occurs twice, so outputs are added by appending a second graph.
"""

from __future__ import annotations

from collections.abc import Iterable

from stc.protobuf import entry, values

_GRAPH, _NODE, _NODE_OUTPUT, _OUTPUT, _NAME = 7, 1, 2, 12, 1


def tensors(model: bytes) -> list[str]:
    """The names of all tensors that nodes of the graph compute, in the order of the file.

    Raises ValueError if the bytes are not a protobuf message.
    """
    found = []
    for graph in values(memoryview(model), _GRAPH):
        for node in values(graph, _NODE):
            found += [str(name, "utf-8") for name in values(node, _NODE_OUTPUT)]
    return [name for name in found if name]  # an optional output that is unused has an empty name


def outputs(model: bytes) -> list[str]:
    """The names of the graph's outputs, in the order of the file.

    Raises ValueError if the bytes are not a protobuf message.
    """
    return [
        str(name, "utf-8")
        for graph in values(memoryview(model), _GRAPH)
        for output in values(graph, _OUTPUT)
        for name in values(output, _NAME)
    ]


def with_outputs(model: bytes, names: Iterable[str]) -> bytes:
    """The model with these tensors as further outputs, in this order after the existing ones."""
    added = b"".join(entry(_OUTPUT, entry(_NAME, name.encode())) for name in names)
    return model + entry(_GRAPH, added)
