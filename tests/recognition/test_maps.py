"""The last map of features of an ONNX recogniser: by rule, and by name."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stc.errors import StcError
from stc.recognition.onnx import Onnx


@pytest.fixture
def network(tmp_path):
    """Two convolutions, of which the second looks at the whole map, as in ArcFace's networks."""
    generator = np.random.default_rng(0)
    first = generator.normal(size=(4, 3, 16, 16)).astype(np.float32)
    last = generator.normal(size=(6, 4, 7, 7)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "a"], ["map"], strides=[16, 16]),
            helper.make_node("Relu", ["map"], ["positive"]),
            helper.make_node("Conv", ["positive", "b"], ["c"]),
            helper.make_node("Flatten", ["c"], ["y"]),
        ],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 6])],
        [numpy_helper.from_array(first, "a"), numpy_helper.from_array(last, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "toy.onnx")
    return tmp_path / "toy.onnx"


FACES = np.random.default_rng(1).integers(0, 256, (3, 128, 128, 3), np.uint8)


def test_the_last_map_of_more_than_one_cell(network):
    judge = Onnx("toy", network)
    embeddings, maps = judge.look(FACES)
    assert maps.shape == (3, 4, 7, 7)
    assert (maps >= 0).all()
    assert np.array_equal(embeddings, judge.embed(FACES))


def test_a_map_of_the_users_choice(network):
    key = Onnx("toy", network).key
    network.with_suffix(".toml").write_text('map = "map"')
    judge = Onnx("toy", network)
    assert (judge.look(FACES)[1] < 0).any()
    assert judge.key != key  # its maps, and what was learned from them, are others
    network.with_suffix(".toml").write_text('map = "nothing"')
    with pytest.raises(StcError, match="shows no map called 'nothing'"):
        Onnx("toy", network).look(FACES)
