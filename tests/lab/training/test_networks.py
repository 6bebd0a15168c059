"""Recognisers from ONNX files as torch modules, against ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from stc.lab.training.networks import Panel, Recogniser
from tests.stand_ins import FlatRecogniser


def write(path, side, nodes, constants, dtype=np.float32):
    """A network of one input [n, 3, side, side] and the output y."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v).astype(dtype), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def weights(*shape):
    return 0.1 * np.random.default_rng(0).normal(size=shape)


CONSTANTS = {
    "w": weights(4, 3, 3, 3), "b": weights(4), "v": weights(4, 1, 3, 3),
    "three": 3, "six": 6, "zero": 0, "part": 1 / 6,
}  # fmt: skip


@pytest.fixture
def mobilenet(tmp_path):
    """A hard swish by hand, convolutions padded as TensorFlow does, weights in 16 bits."""
    node = helper.make_node
    nodes = [
        *(node("Cast", [name], [f"{name}f"], to=1) for name in CONSTANTS),
        node("Conv", ["x", "wf", "bf"], ["a"], strides=[2, 2], auto_pad="SAME_UPPER"),
        node("Add", ["a", "threef"], ["c"]),
        node("Max", ["c", "zerof"], ["d"]),
        node("Min", ["d", "sixf"], ["e"]),
        node("Mul", ["e", "partf"], ["f"]),
        node("Mul", ["a", "f"], ["g"]),
        node("Conv", ["g", "vf"], ["h"], strides=[2, 2], pads=[0, 1, 2, 1], group=4),
        node("Relu", ["h"], ["i"]),
        node("GlobalAveragePool", ["i"], ["j"]),
        node("Flatten", ["j"], ["y"]),
    ]  # fmt: skip
    return write(tmp_path / "m.onnx", 224, nodes, CONSTANTS, np.float16)


def test_the_operators_of_a_mobilenet_are_those_of_onnx(mobilenet):
    network = Recogniser(mobilenet)
    x = torch.randn(2, 3, 224, 224)
    session = onnxruntime.InferenceSession(mobilenet, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x.numpy()})
    torch.testing.assert_close(network.net(x), torch.from_numpy(expected), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("side", "wanted"),
    [(112, [-127.5 / 128, 0, 127.5 / 128]), (224, [-103.939, 127.5 - 116.779, 255 - 123.68])],
)
def test_a_crop_is_given_as_its_family_takes_it(side, wanted, tmp_path):
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["a"]),
        helper.make_node("Flatten", ["a"], ["y"]),
    ]
    network = Recogniser(write(tmp_path / "x.onnx", side, nodes, {}))
    canvas = torch.zeros(1, 3, 128, 128)
    canvas[:, 0], canvas[:, 2] = 1, -1  # red; the network takes blue first
    canvas[:, :, :12] = canvas[:, :, 116:] = 0.3  # outside the crop
    expected = torch.nn.functional.normalize(torch.tensor([wanted]))
    torch.testing.assert_close(network(canvas), expected, atol=1e-4, rtol=1e-4)


def test_other_families_are_refused(tmp_path):
    path = write(tmp_path / "x.onnx", 160, [helper.make_node("Flatten", ["x"], ["y"])], {})
    with pytest.raises(ValueError, match="takes crops of 160 pixels, not 112 or 224"):
        Recogniser(path)


def test_the_cosine_of_a_panel_is_the_mean_of_its_members():
    torch.manual_seed(0)

    class Middle(torch.nn.Module):
        def forward(self, canvas):
            return torch.nn.functional.normalize(canvas[:, :, 60, 60:70].flatten(1))

    members = FlatRecogniser(), Middle()
    panel, a, b = Panel(members), torch.randn(4, 3, 128, 128), torch.randn(4, 3, 128, 128)
    cosines = [(own(a) * own(b)).sum(1) for own in members]
    torch.testing.assert_close((panel(a) * panel(b)).sum(1), sum(cosines) / 2)
    torch.testing.assert_close(panel(a).norm(dim=1), torch.ones(4))
