"""`Encoder`: every row of a batch becomes a row of the result, also with broken pictures."""

import pickle

import numpy as np
import pytest
from PIL import Image

import stc
from stc.gallery.batch import Encoder, error_of
from stc.settings import GALLERY_EFFORT

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture(scope="module")
def canvas():
    """A picture of 128x128 pixels, to be encoded without alignment."""
    with Image.open(ASTRONAUT) as picture:
        return np.asarray(picture.convert("RGB").resize((128, 128)))


@pytest.fixture(scope="module")
def astronaut():
    with open(ASTRONAUT, "rb") as file:
        return file.read()


def test_every_row_has_a_file_or_an_error(astronaut):
    green = np.zeros((200, 200, 3), np.uint8) + np.array([0, 128, 0], np.uint8)
    pictures = [astronaut, green, b"garbage", "missing.png", astronaut[:9000], ASTRONAUT, None]
    images = np.empty(len(pictures), object)
    images[:] = pictures
    found = Encoder()({"image": images, "id": np.arange(7)})
    assert list(found) == ["id", "stc", "bytes", "quality", "error", "message"]
    assert found["id"].tolist() == list(range(7))
    errors = ["", "NoFaceError", "ImageError", "FileNotFoundError", "ImageError", ""]
    assert found["error"].tolist()[:6] == errors
    assert found["error"][6] != ""
    assert "no face found" in found["message"][1]
    for data, size, quality, error in zip(
        found["stc"], found["bytes"], found["quality"], found["error"], strict=True
    ):
        assert size == len(data)
        assert np.isnan(quality) == (data == b"") == (error != "")
        if data:
            assert size <= 192
            assert 0.9 < quality < 1
            assert stc.decode(data).size == (256, 256)
    assert found["stc"][0] == found["stc"][5]


def test_arrays_as_ray_hands_them_on(canvas):
    grey = canvas.mean(2).astype(np.uint8)
    clear = np.dstack([canvas, np.full((128, 128), 255, np.uint8)])
    encoder = Encoder(align="never", max_bytes=96)
    whole = encoder({"image": np.stack([canvas, canvas])})
    assert whole["error"].tolist() == ["", ""]
    pictures = [canvas, grey, grey[..., None], clear, canvas.astype(float), canvas[None]]
    rows = encoder.encode(pictures)
    assert [error_of(row)[0] for row in rows] == ["", "", "", "", "ValueError", "ValueError"]
    assert rows[1] == rows[2]
    assert [np.isnan(row.quality) for row in rows] == [False] * 4 + [True] * 2


def test_a_batch_says_what_one_face_alone_says(canvas):
    codec = stc.Codec()
    turned = np.ascontiguousarray(canvas[:, ::-1])
    rows = Encoder(align="never").encode([canvas, turned])
    for row, source in zip(rows, [canvas, turned], strict=True):
        (alone,) = codec.encode_batch(source[None], effort=GALLERY_EFFORT)
        assert (row.data, row.tokens) == (alone.data, alone.tokens)
        assert row.quality == pytest.approx(alone.quality, abs=1e-4)


def test_a_face_that_does_not_fit_is_one_row():
    """With a limit that only some of ten pictures can meet."""
    generator = np.random.default_rng(0)
    pictures = list(generator.integers(0, 256, (10, 128, 128, 3), dtype=np.uint8))
    smallest = [row.error.smallest for row in Encoder(align="never", max_bytes=1).encode(pictures)]
    limit = min(smallest)
    assert max(smallest) > limit
    rows = Encoder(align="never", max_bytes=limit).encode(pictures)
    expected = ["" if size == limit else "BudgetError" for size in smallest]
    assert [error_of(row)[0] for row in rows] == expected


def test_a_low_quality_is_one_row(canvas):
    pictures = [canvas, canvas[::-1]]
    qualities = [row.quality for row in Encoder(align="never").encode(pictures)]
    rows = Encoder(align="never", min_quality=sum(qualities) / 2).encode(pictures)
    assert sorted(error_of(row)[0] for row in rows) == ["", "QualityError"]
    assert np.isnan(Encoder(align="never", min_quality=1.0)({"image": pictures})["quality"]).all()


def test_it_pickles_without_the_model():
    encoder = Encoder(max_bytes=64, face="largest")
    encoder.encode([])
    pickled = pickle.dumps(encoder)
    assert len(pickled) < 500
    assert pickle.loads(pickled) == encoder  # noqa: S301 - our own


@pytest.mark.parametrize(
    "settings", [{"align": "maybe"}, {"face": "first"}, {"max_bytes": 9, "stages": 1}]
)
def test_settings_that_fit_nothing_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Encoder(**settings)


def test_what_is_wrong_for_every_row_is_no_row(canvas):
    with pytest.raises(stc.ModelError):
        Encoder(model="none").encode([canvas])
    with pytest.raises(ValueError, match="stages must be"):
        Encoder(stages=99, align="never").encode([canvas])
    with pytest.raises(KeyError):
        Encoder(column="photo")({"image": []})


def test_a_gallery_has_an_effort_of_its_own():
    assert Encoder().settings.effort == GALLERY_EFFORT < stc.Settings().effort
    assert Encoder(max_bytes=96).settings.effort == GALLERY_EFFORT
    assert Encoder(effort=7).settings.effort == 7
    assert Encoder(stc.Settings(max_bytes=96)).settings.effort == stc.Settings().effort
