"""Figures of faces at 256 pixels: an original has all detail, an enlarged one little."""

import numpy as np
import pytest
from PIL import Image

from stc.codec.codec import Codec
from stc.lab.evaluation import large
from stc.lab.training.upscaling import Portraits
from tests.stand_ins import Colours


@pytest.fixture
def portraits():
    with Image.open("tests/assets/astronaut.png") as image:
        face = np.asarray(image.convert("RGBA").resize((256, 256)))
    faces = np.stack([face, face[:, ::-1], face[::-1]])
    return Portraits(faces[:, ::2, ::2].copy(), faces.copy(), np.array([True, False, True]))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def squared(source, decoded, weights):
        return np.square(source / 255 - decoded / 255).mean((1, 2, 3))

    monkeypatch.setattr(large, "lpips", squared)


def test_an_original_is_its_own_equal(portraits):
    faces = portraits.large[..., :3].copy()
    figures = large.measure(faces, faces, None, Colours())
    assert (figures["LPIPS"] == 0).all()
    np.testing.assert_allclose(figures["detail"], 1)
    np.testing.assert_allclose(figures["colours"], 1, rtol=1e-5)


def test_an_enlarged_face_has_little_detail(portraits):
    faces = portraits.large[..., :3].copy()
    small = large.resized(faces, 128, Image.Resampling.LANCZOS)
    enlarged = large.resized(small, 256, Image.Resampling.LANCZOS)
    assert (large.measure(faces, enlarged, None, None)["detail"] < 0.5).all()


def test_a_mesh_is_measured_beside_that_of_the_original(portraits):
    faces = portraits.large[..., :3].copy()
    grid = np.zeros((256, 256, 1), np.int64)
    grid[::4, ::4] = 8  # grey levels
    meshed = (faces + grid).clip(0, 255).astype(np.uint8)
    assert (large.measure(faces, faces, None, None)["mesh"] == 1).all()
    assert (large.measure(faces, meshed, None, None)["mesh"] > 2).all()


def test_the_table_has_two_lines_a_size(portraits):
    said = []
    chosen = portraits.validation(90)
    assert len(chosen.large) == 2
    large.report(chosen, Codec(), [48, 96], None, Colours(), said.append)
    lines = "\n".join(said).splitlines()
    assert lines[0] == "2 faces"
    assert lines[2] == "| bytes, drawn | LPIPS | PSNR | detail | mesh | colours |"
    assert [row.split(" |")[0] for row in lines[4:]] == [
        "| 48, 128 px enlarged",
        "| 48, 256 px",
        "| 96, 128 px enlarged",
        "| 96, 256 px",
    ]
    assert all(" ± " in row for row in lines[5::2])
