"""The search finds the best that fits, and never hides what does not."""

import io

import numpy as np
import pytest
from PIL import Image

from stc.imaging import frame
from stc.lab.evaluation.rivals import FORMATS, search
from stc.lab.evaluation.rivals.search import SETTING_BYTES, FaceSearch, Searched
from stc.lab.evaluation.rivals.webp import payload
from stc.lab.evaluation.rivals.webp48 import Webp48


class Toy:
    """Quality q keeps q + 1 levels of brightness, at side * (q + 1) / 8 bytes and 40 of header."""

    name = "toy"
    qualities = (0, 4, 8, 15)

    def encode(self, picture, quality, thorough):
        steps = quality + 1
        coarse = (np.asarray(picture, float) * steps / 256).astype(int) * (255 / steps)
        data = search.save(Image.fromarray(coarse.astype(np.uint8)), "PNG")
        return Sized(data, 40 + picture.width * steps // 8), picture.width * steps // 8


class Sized(bytes):
    """Bytes that claim another length."""

    def __new__(cls, data, size):
        made = super().__new__(cls, data)
        made.size = size
        return made

    def __len__(self):
        return self.size


@pytest.fixture(scope="module")
def face():
    return frame("tests/assets/astronaut.png")


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(search, "SIDES", (64, 32, 16))
    monkeypatch.setattr(search, "enlarged", lambda data: decode(data))
    return Toy()


def decode(data):
    return np.asarray(
        Image.open(io.BytesIO(bytes(memoryview(data)))).convert("RGB").resize((128, 128), 1)
    )


def test_nothing_that_could_be_tried_is_better(toy, face):
    limits = (45, 60, 100, 200)
    found = FaceSearch(toy, face, limits)
    best = FaceSearch(toy, face, limits)
    for side in search.SIDES:
        for grey in (False, True):
            for quality in range(16):
                best._try(side, grey, quality, thorough=True)
    for limit in limits:
        for kind in (0, 1):
            errors = []
            for known in (found, best):
                fitting = [trial for trial in known.trials if trial.sizes[kind] <= limit]
                errors.append(min(trial.error for trial in fitting))
            assert errors[0] <= errors[1] * 1.05
            coded = found.best(limit, kind)
            assert not coded.failed
            assert coded.size <= limit
    assert len(found.trials) < len(best.trials)


def test_what_does_not_fit_is_taken_at_its_smallest_and_marked(toy, face):
    coded = FaceSearch(toy, face, (10, 50)).best(10, 0)
    assert coded.failed
    assert coded.size == 42  # 16 px, one level


def test_both_rows_decode(face):
    codec = Searched(FORMATS["webp"]())
    coded = codec.encode(face[None], (200,))
    assert tuple(coded) == codec.variants == ("webp", "webp bare")
    whole, bare = (coded[name][0][0] for name in codec.variants)
    assert whole.size == len(whole.data) <= 200
    assert bare.size == payload(bare.data) + SETTING_BYTES <= 200 < len(bare.data)
    errors = [
        np.square(codec.decode([one.data])[0] - face.astype(float)).mean() for one in (whole, bare)
    ]
    assert errors[1] < errors[0] < 1000


def test_the_recipe_of_id_projects(face):
    codec = Webp48()
    (row,) = codec.encode(face[None], (60, 200, 1000)).values()
    smallest, middle, large = (coded[0] for coded in row)
    assert smallest.failed
    assert smallest.size == len(smallest.data) > 60
    assert not middle.failed
    assert smallest.size <= middle.size <= 200 < large.size <= 1000
    pictures = codec.decode([middle.data, large.data])
    assert (pictures[..., 0] == pictures[..., 2]).all()  # grey
