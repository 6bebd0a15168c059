"""Any ONNX recogniser, described in two lines, sees what it wants to see."""

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from onnx import TensorProto, helper, numpy_helper

from stc.errors import DataError, StcError
from stc.lab.evaluation.judges import Onnx, open_judge
from stc.imaging import frame
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
    ours = Onnx("toy", network).embed(faces)
    assert np.abs(ours - theirs).max() < 1e-3
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1)
    network.with_suffix(".toml").unlink()
    plain = Onnx("toy", network)
    assert np.abs(plain.embed(faces) - theirs).max() > 0.01  # it is red first, if nothing is said
    assert np.abs(plain.embed(faces[..., ::-1]) - theirs).max() < 1e-3


def test_fixed_batches_other_sizes_and_the_whole_canvas(tmp_path, faces):
    weights = np.random.default_rng(0).normal(size=(8, 3, 32, 32)).astype(np.float32)
    write_network(tmp_path / "x.onnx", [2, 3, 64, 64], 32, weights)
    (tmp_path / "x.toml").write_text('crop = "canvas"\nmean = 0\nscale = 1\n')
    judge = open_judge(f"x={tmp_path / 'x.onnx'}")
    ours = judge.embed(faces)
    pixels = torch.from_numpy(faces).permute(0, 3, 1, 2).float()
    small = F.interpolate(pixels, size=64, mode="bilinear", antialias=True)
    theirs = F.normalize(F.conv2d(small, torch.from_numpy(weights), stride=32).flatten(1))
    assert ours.shape == (3, 32)
    assert np.abs(ours - theirs.numpy()).max() < 1e-4


def test_the_key_follows_file_and_description(network):
    before = Onnx("toy", network).key
    network.with_suffix(".toml").write_text(FR_FEATURE)
    described = Onnx("toy", network)
    assert Onnx("other", network).key == described.key != before
    network.with_suffix(".toml").write_text(FR_FEATURE + 'note = "used in training"')
    assert Onnx("toy", network).key == described.key
    assert Onnx("toy", network).note == "used in training"


@pytest.mark.parametrize("text", ['channels = "grey"', "colour = 1", "mean =", 'crop = "left"'])
def test_wrong_descriptions_are_refused(network, text):
    network.with_suffix(".toml").write_text(text)
    with pytest.raises(DataError, match=r"toy\.toml: "):
        Onnx("toy", network)


def test_wrong_judges_are_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    for text, complaint in (
        ("arcface", "neither dlib nor NAME=FILE.onnx"),
        ("a=missing.onnx", "there is no file missing.onnx"),
        (f"a={tmp_path / 'x.onnx'}", "no network to run"),
    ):
        with pytest.raises(StcError, match=complaint):
            open_judge(text)
