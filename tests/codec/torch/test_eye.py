"""The eye as a torch module gives the outputs of ONNX Runtime, and files of equal quality."""

import numpy as np
import pytest
import torch

from stc.codec.codec import Codec
from stc.codec.eye import open_eye, read_network
from stc.codec.planes import to_planes
from stc.codec.synthesis import PLANS
from stc.codec.torch.canvas import to_rgb
from stc.codec.torch.eye import Eye
from stc.errors import WrongModelError
from stc.imaging import frame
from tests.codec.small import first_levels

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture(scope="module")
def faces():
    canvas = frame(ASTRONAUT)
    return np.stack([canvas, np.roll(canvas, 3, 0), canvas[:, ::-1], canvas // 2])


@pytest.fixture(scope="module")
def module():
    return Eye(read_network()).requires_grad_(False)


def test_losses_and_gradients_are_those_of_onnx_runtime(module, faces):
    planes = torch.from_numpy(to_planes(faces)).requires_grad_()
    smooth = to_rgb(planes).permute(0, 2, 3, 1) * 255
    drawn = smooth.detach().clamp(0, 255).round()
    sources = np.ascontiguousarray(faces[::-1])
    loss = open_eye().loss_against(sources, 0.5)
    seen = module.look(torch.from_numpy(sources).float())
    for ours, theirs in zip(seen, loss.source, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    losses = module(smooth + (drawn - smooth).detach(), *seen, 0.5)
    (gradient,) = torch.autograd.grad(losses.sum(), planes)
    expected = loss.gradients(drawn.numpy().astype(np.uint8))
    np.testing.assert_allclose(losses.detach(), expected[0], atol=1e-4)
    error = np.linalg.norm(gradient.numpy() - expected[1], axis=1)
    assert (error < 0.01 * np.linalg.norm(expected[1], axis=1)).all()


@pytest.mark.parametrize("groups", [None, 3], ids=["shipped", "three groups"])
def test_files_are_as_good_as_the_native_ones(faces, groups, tmp_path):
    # Rounding may lead the two to different tokens, better or worse, so compare twelve faces.
    faces = np.concatenate([np.roll(faces, columns, 2) for columns in (0, -4, 4)])
    path = first_levels(tmp_path / "small.safetensors", 3, groups).path if groups else None
    loss = open_eye().loss_against(faces, PLANS[1].perception)
    losses = {}
    for device in ("cpu", "torch"):
        codec = Codec(path, device=device)
        for effort in (0, 2):
            files = [
                one.unwrap().data for one in codec.encode_batch(faces, max_bytes=60, effort=effort)
            ]
            assert max(map(len, files)) <= 60
            losses[device, effort] = loss.losses(codec.decode_batch(files))
    before = losses["cpu", 0]
    assert (losses["torch", 2] <= losses["torch", 0] + 1e-3).all()
    gains = [(before - losses[device, 2]).mean() for device in ("cpu", "torch")]
    assert gains[1] == pytest.approx(gains[0], rel=0.25)


def test_what_is_no_eye_is_a_typed_error():
    with pytest.raises(WrongModelError):
        Eye(b"\xff" * 9)
