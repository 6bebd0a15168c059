"""ONNX files read and cut without the package onnx, compared with that package."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from stc.codec import onnx_file
from stc.codec.eye import read_network


def test_nodes_and_constants_are_those_that_onnx_reads():
    graph = onnx.load_from_string(read_network()).graph
    nodes, constants = onnx_file.read(read_network())
    assert len(nodes) == len(graph.node)
    for ours, theirs in zip(nodes, graph.node, strict=True):
        assert (ours.kind, list(ours.inputs)) == (theirs.op_type, list(theirs.input))
        assert list(ours.outputs) == list(theirs.output)
        for one in theirs.attribute:
            value = helper.get_attribute_value(one)
            value = value.decode() if isinstance(value, bytes) else value
            assert ours.attributes[one.name] == value
    assert len(constants) == len(graph.initializer)
    for tensor in graph.initializer:
        np.testing.assert_array_equal(constants[tensor.name], numpy_helper.to_array(tensor))


def test_a_part_is_a_sound_file_of_fewer_nodes():
    whole = onnx.load_from_string(read_network())
    part = onnx.load_from_string(onnx_file.part(read_network(), ["loss"]))
    onnx.checker.check_model(part)
    assert [one.name for one in part.graph.output] == ["loss"]
    assert list(part.graph.input) == list(whole.graph.input)
    assert len(part.graph.node) < 0.8 * len(whole.graph.node)


@pytest.mark.parametrize(
    "attributes", [{"a": -3}, {"a": 2.5}, {"a": [1, -(2**31)]}, {"a": "linear"}]
)
def test_attributes_of_every_kind(attributes):
    node = helper.make_node("X", ["x", "", "y"], ["z"], **attributes)
    graph = helper.make_graph([node], "g", [], [])
    ((found,), _) = onnx_file.read(helper.make_model(graph).SerializeToString())
    assert found == onnx_file.Node("X", ("x", "", "y"), ("z",), attributes)


def test_other_bytes_are_a_value_error():
    for data in (b"\xff" * 20, read_network()[:-9]):
        with pytest.raises(ValueError, match=r"byte|number"):
            onnx_file.read(data)
    strings = numpy_helper.from_array(np.array(["a"], object), "s")
    model = helper.make_model(helper.make_graph([], "g", [], [], [strings]))
    with pytest.raises(ValueError, match="unsupported data type"):
        onnx_file.read(model.SerializeToString())
