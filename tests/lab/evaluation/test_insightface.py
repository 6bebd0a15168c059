"""InsightFace's files give exactly what is in them, and never run what is in them."""

import os
import pickle

import numpy as np
import pytest
from PIL import Image

from stc.errors import DataError
from stc.lab.evaluation.insightface import on_canvas, parse_lists, read_bin
from tests.lab.evaluation.pictures import encoded

PICTURES = [bytes([i]) * 3 + b"\xff\x00\x80" for i in range(24)]
SAME = [i % 3 == 0 for i in range(12)]

# Python 2.7's pickle.dumps(([b'\xff\xd8', b'ab'], [True]), 2).
PYTHON_2 = b"\x80\x02]q\x00(U\x02\xff\xd8q\x01U\x02abq\x02e]q\x03\x88a\x86q\x04."


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pairs_and_pictures_come_back(tmp_path, protocol):
    path = tmp_path / "agedb_30.bin"
    path.write_bytes(pickle.dumps((PICTURES, SAME), protocol))
    pairs, pictures = read_bin(path)
    assert pictures == PICTURES
    assert pairs.same.tolist() == SAME
    assert (pairs.first[5], pairs.second[5]) == ("10", "11")
    assert pairs.fold.tolist() == [0, 0, 1, 1, *range(2, 10)]


def test_python_2_wrote_strings():
    assert parse_lists(PYTHON_2) == ([b"\xff\xd8", b"ab"], [True])


class Hostile:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("inside", [False, True])
def test_a_hostile_pickle_is_refused_and_not_run(tmp_path, protocol, inside):
    trap = tmp_path / "trap"
    bomb = Hostile(os.mkdir, str(trap))
    path = tmp_path / "x.bin"
    path.write_bytes(pickle.dumps(([bomb], [True]) if inside else bomb, protocol))
    with pytest.raises(DataError, match=r"x\.bin: "):
        read_bin(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - the trap works, so that the refusal is proved
    assert trap.exists()


def test_encode_cannot_be_turned_to_other_use():
    for value in (Hostile(__import__("codecs").encode, "x", "rot13"), Hostile(eval, "1")):
        with pytest.raises(DataError, match="never need"):
            parse_lists(pickle.dumps(value, 2))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b"nonsense",
        b"\x80\x02e.",
        b"\x80\x02Nl.",
        b"(t.",
        b"]]." + b"\x00",
        b"h\x07.",
    ],
)
def test_broken_pickles_are_refused(tmp_path, data):
    (tmp_path / "x.bin").write_bytes(data)
    with pytest.raises(DataError):
        read_bin(tmp_path / "x.bin")


@pytest.mark.parametrize("value", [(PICTURES, SAME[1:]), ([1], [True]), (PICTURES, PICTURES), 5])
def test_other_content_is_refused(tmp_path, value):
    (tmp_path / "x.bin").write_bytes(pickle.dumps(value))
    with pytest.raises(DataError):
        read_bin(tmp_path / "x.bin")


def test_a_crop_lies_where_the_canvas_wants_it():
    crop = np.zeros((112, 112, 3), np.uint8)
    crop[:, :56, 0] = 200
    crop[:56, :, 1] = 100
    canvas = on_canvas(encoded(crop))
    assert canvas.shape == (128, 128, 3)
    assert (canvas[:, :60, 0] == 200).all()  # its border is repeated outside
    assert (canvas[:, 68:, 0] == 0).all()
    middle = np.asarray(Image.fromarray(canvas).crop((12, 12, 116, 116)).resize((112, 112)))
    assert np.abs(middle.astype(int) - crop).mean() < 2
