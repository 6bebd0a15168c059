"""Names in an ONNX file, compared with the package onnx, and bytes that are not such a file."""

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stc.recognition.onnx_graph import outputs, tensors, with_outputs
from tests.recognition.stand_ins import write_toy


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "x.onnx"
    write_toy(path)
    return path.read_bytes()


def test_names_are_those_of_the_nodes(data):
    graph = onnx.load_from_string(data).graph
    assert tensors(data) == [name for node in graph.node for name in node.output]
    assert outputs(data) == [output.name for output in graph.output] == ["y"]


def test_outputs_are_added_and_nothing_else(data):
    more = with_outputs(with_outputs(data, ["map"]), ["positive", "x" * 300])
    assert outputs(more) == ["y", "map", "positive", "x" * 300]
    one, two = (onnx.load_from_string(some) for some in (data, more))
    assert [output.name for output in two.graph.output] == outputs(more)
    del two.graph.output[1:]
    assert one == two


def test_damage_is_refused(data):
    for some in (data[:-1], data[: len(data) // 2], b"\x3b", b"\x3a\x05", b"\x08" + b"\xff" * 11):
        with pytest.raises(ValueError, match=r"ends|wire type|ten bytes"):
            tensors(some)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    for function in (tensors, outputs):
        try:
            function(data)
        except ValueError:
            continue
