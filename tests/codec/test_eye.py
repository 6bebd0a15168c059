"""The encoder's eye: its outputs, its gradient, and errors of its file."""

import numpy as np
import pytest

from stc.codec import eye
from stc.codec.eye import Eye, open_eye
from stc.codec.planes import to_planes
from stc.errors import ModelError, ModelMissingError, WrongModelError


@pytest.fixture
def unopened(monkeypatch):
    """Reset the eye, as in a process that has not used it."""
    monkeypatch.setattr(eye._shipped, "_opened", [])


def test_a_face_is_nearest_to_itself(canvas):
    pair = np.stack([canvas, np.roll(canvas, 4, 1)])
    loss = open_eye().loss_against(pair, 0.5)
    np.testing.assert_allclose(np.linalg.norm(loss.source.embedding, axis=1), 1, rtol=1e-4)
    np.testing.assert_allclose(loss.losses(pair), 0, atol=1e-5)
    assert (loss.losses(pair[::-1]) > 0.01).all()


def test_perception_adds_to_the_loss(canvas):
    pair = canvas[None], canvas[None, :, ::-1]
    plain, more, most = (open_eye().loss_against(pair[0], w).losses(pair[1])[0] for w in (0, 1, 2))
    assert most - more == pytest.approx(more - plain, rel=1e-3)
    assert more > plain


def test_the_gradient_is_the_slope_of_the_loss(canvas):
    """A small change of luma changes the loss by the amount that the gradient predicts."""
    dark = (canvas // 8 * 6 + 16)[None]  # nothing saturates
    loss = open_eye().loss_against(np.roll(canvas, 3, 1)[None], 0.1)
    losses, gradient = loss.gradients(dark)
    assert gradient.shape == (1, to_planes(dark).shape[1])
    assert losses == loss.losses(dark)
    brighter = dark + np.uint8(4)  # all of luma by 4 / 255
    change = loss.losses(brighter)[0] - loss.losses(dark - np.uint8(4))[0]
    assert change == pytest.approx(gradient[0, :4096].sum() * 8 / 255, rel=0.1, abs=1e-3)


def test_faces_are_looked_at_one_by_one(canvas, monkeypatch):
    batch = np.stack([canvas, canvas[:, ::-1], canvas // 2])
    monkeypatch.setenv("STC_THREADS", "2")
    together = open_eye().loss_against(batch, 1.0).gradients(batch[::-1])
    monkeypatch.setenv("STC_THREADS", "1")
    for row in range(3):
        alone = (
            open_eye().loss_against(batch[row : row + 1], 1.0).gradients(batch[::-1][row : row + 1])
        )
        for a, b in zip(together, alone, strict=True):
            assert (a[row] == b[0]).all()


def test_the_eye_is_opened_once(unopened):
    assert open_eye() is open_eye()


def test_a_missing_file_is_one_line(unopened, monkeypatch, tmp_path):
    monkeypatch.setattr(eye, "WEIGHTS", tmp_path / "eye.onnx")
    with pytest.raises(ModelMissingError, match=r"eye\.onnx.*effort 0"):
        open_eye()


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b"x" + b[1:]])
def test_a_damaged_file_is_one_line(unopened, monkeypatch, tmp_path, damage):
    path = tmp_path / "eye.onnx"
    path.write_bytes(damage(eye.WEIGHTS.read_bytes()))
    monkeypatch.setattr(eye, "WEIGHTS", path)
    with pytest.raises(WrongModelError, match="SHA-256"):
        open_eye()


@pytest.mark.parametrize("network", [b"", b"\xff" * 9, b"\x08\x07"])
def test_what_onnx_runtime_refuses_is_a_typed_error(network):
    with pytest.raises(ModelError, match="cannot be opened"):
        Eye(network)


def test_a_run_that_fails_is_a_typed_error(canvas):
    with pytest.raises(ModelError, match="cannot be run"):
        open_eye().look(canvas[None, :5])
