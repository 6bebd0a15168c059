"""Files of heads: round trips, and files that are refused."""

import numpy as np
import pytest

from stc.errors import ModelMissingError, WrongModelError
from stc.protection.head_file import load_head, load_mean, save_head, shipped_head
from stc.protection.heads import Head
from tests.protection.conftest import random_head

SHAPE = (12, 4, 4)
MEAN = np.arange(5, dtype=np.float32)


@pytest.fixture
def path(tmp_path):
    save_head(tmp_path / "h.safetensors", random_head(SHAPE), "thumbnails", MEAN, {"faces": "0"})
    return tmp_path / "h.safetensors"


def test_a_head_survives_its_file(path):
    head, back = random_head(SHAPE), load_head(path, "thumbnails")
    assert (back.shape, back.size) == (head.shape, head.size)
    for name, values in head.arrays.items():
        assert np.array_equal(back.arrays[name], values.astype(np.float16).astype(np.float32))
    assert np.array_equal(load_mean(path), MEAN)


def test_other_readers_read_it(path):
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata()["map"] == "12x4x4"
        assert file.metadata()["faces"] == "0"
        assert file.get_tensor("reduce").shape == (16, 12, 16)


def test_the_head_that_ships():
    path = shipped_head("dlib-resnet-v1")
    assert load_head(path, "dlib-resnet-v1").shape == (256, 4, 4)
    assert load_mean(path).shape == (128,)
    assert shipped_head("another") is None


def test_files_of_something_else(path, tmp_path):
    with pytest.raises(WrongModelError, match="a head for thumbnails, not for dlib"):
        load_head(path, "dlib")
    for load in (lambda path: load_head(path, "dlib"), load_mean):
        with pytest.raises(ModelMissingError, match="there is no head"):
            load(tmp_path / "none")
        (tmp_path / "x").write_bytes(b"nothing")
        with pytest.raises(WrongModelError, match="not a safetensors file"):
            load(tmp_path / "x")
    with pytest.raises(WrongModelError, match="is not a head"):
        load_head(write(tmp_path, {}), "thumbnails")


def write(folder, arrays):
    """A head's file with only these arrays."""
    save_head(folder / "y", Head(SHAPE, arrays), "thumbnails", MEAN, {})
    return folder / "y"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"place": None}, r"place is None, not \(16,\)"),
        ({"place": np.zeros(15, np.float32)}, r"place is \(15,\), not \(16,\)"),
        ({"more": np.zeros(1, np.float32)}, r"more is \(1,\), not None"),
        ({"reduce": np.zeros((16, 11, 16), np.float32)}, "map shape 12x4x4 does not match"),
    ],
)
def test_arrays_that_no_head_has(tmp_path, changes, message):
    arrays = {**random_head(SHAPE).arrays, **changes}
    path = write(tmp_path, {name: values for name, values in arrays.items() if values is not None})
    with pytest.raises(WrongModelError, match=message):
        load_head(path, "thumbnails")
