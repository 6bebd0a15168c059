"""An ONNX recogniser as a judge, and as a loss in training: both see the same."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from stc.imaging import frame
from stc.lab.evaluation.judges import open_judge
from stc.lab.training.networks import Recogniser

FR_FEATURE = 'channels = "bgr"\nscale = 128.0\n'  # what the recogniser of the model card needs


@pytest.fixture
def faces():
    face = frame("tests/assets/astronaut.png")
    return np.stack([face, face[:, ::-1], 255 - face])


def write_network(path, shape, kernel, weights):
    """One convolution of the whole input -> 8 numbers, as the loader of training runs it too."""
    bias = np.zeros(8, np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], strides=[kernel, kernel]),
            helper.make_node("Flatten", ["c"], ["y"]),
        ],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0], None])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


@pytest.fixture
def network(tmp_path):
    weights = np.random.default_rng(0).normal(size=(8, 3, 28, 28)).astype(np.float32)
    write_network(tmp_path / "toy.onnx", ["n", 3, 112, 112], 28, weights)
    return tmp_path / "toy.onnx"


def test_it_agrees_with_the_loader_of_training(network, faces):
    network.with_suffix(".toml").write_text(FR_FEATURE)
    rgb = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1
    theirs = Recogniser(network)(rgb).numpy()
    ours = open_judge(f"toy={network}").embed(faces)
    assert np.abs(ours - theirs).max() < 1e-3
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1)
    network.with_suffix(".toml").unlink()
    plain = open_judge(f"toy={network}")
    assert np.abs(plain.embed(faces) - theirs).max() > 0.01  # it is red first, if nothing is said
    assert np.abs(plain.embed(faces[..., ::-1]) - theirs).max() < 1e-3
