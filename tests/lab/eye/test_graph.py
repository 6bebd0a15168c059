from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from stc.codec.planes import to_planes
from stc.codec.torch.canvas import to_rgb
from stc.lab.eye.graph import build
from tests.lab.eye import small


def session(model: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("heads", "shares"), [((8,), (1.0,)), ((8, 6), (0.7, 0.3))])
@pytest.mark.parametrize("weight", [0.0, 0.6])
def test_loss_and_gradient_are_those_of_autograd(
    heads: tuple[int, ...], shares: tuple[float, ...], weight: float
) -> None:
    network, perception = small.network(heads, shares), small.perception()
    run = session(build(network, perception).SerializeToString()).run
    source, canvas = small.faces(4).chunk(2)
    empty = {name: np.zeros((2, n), np.float32) for name, n in sizes(network, perception).items()}
    nothing = np.zeros(1, np.float32)
    embedding, features = run(
        ["own_embedding", "own_features"],
        {"canvas": source.numpy(), "perception": nothing, **empty},
    )
    given = {"embedding": embedding, "features": features, "perception": np.float32([weight])}
    loss, gradient = run(["loss", "gradient"], {"canvas": canvas.numpy(), **given})

    planes = torch.from_numpy(to_planes(canvas.numpy())).requires_grad_()
    linear = to_rgb(planes)
    rgb = linear + (canvas.permute(0, 3, 1, 2) / 255 - linear).detach()
    seen, maps = network.look(rgb * 2 - 1)
    own, own_maps = network.look(source.permute(0, 3, 1, 2) / 127.5 - 1)
    wanted = 1 - (seen * own).sum(1) + weight * perception(maps, own_maps)
    (slope,) = torch.autograd.grad(wanted.sum(), planes)

    np.testing.assert_allclose(embedding, own, atol=1e-5)
    np.testing.assert_allclose(features, perception.features(own_maps), atol=1e-5)
    np.testing.assert_allclose(loss, wanted.detach(), atol=1e-4)
    assert np.linalg.norm(gradient - slope.numpy()) < 1e-3 * np.linalg.norm(slope)


def sizes(network: Any, perception: Any) -> dict[str, int]:
    _, maps = network.look(torch.zeros(1, 3, 128, 128))
    return {
        "embedding": sum(network.shape["heads"]),
        "features": perception.features(maps).shape[1],
    }


def test_nothing_is_enlarged_from_8_bits_while_it_runs(tmp_path: Any) -> None:
    onnx = pytest.importorskip("onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "folded.onnx")
    options.log_severity_level = 3
    model = build(small.network(), small.perception()).SerializeToString()
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    folded = onnx.load(tmp_path / "folded.onnx").graph
    assert [node.op_type for node in folded.node].count("Cast") == 1  # the canvas
