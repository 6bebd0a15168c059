"""One bounded cache of codecs."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stc.codec import cache
from stc.codec.model_file import DEFAULT, open_model, save_model
from stc.errors import WrongModelError


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    monkeypatch.setattr(cache, "_kept", {})


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A second model: the shipped one with another price."""
    path = tmp_path_factory.mktemp("models") / "other.safetensors"
    arrays = dict(open_model().read())
    arrays["encoder.levels.0.price"] = arrays["encoder.levels.0.price"] * np.float32(2)
    return save_model(path, "other", arrays).path


def test_one_model_is_loaded_once_however_it_is_asked_for(face_file):
    asked = [cache.load_codec, lambda: cache.load_codec(DEFAULT), lambda: cache.codec_of(face_file)]
    with ThreadPoolExecutor(6) as threads:
        found = [threads.submit(ask) for ask in 2 * asked]
    assert len({id(one.result()) for one in found}) == 1


def test_with_room_for_one_the_last_is_kept(other, monkeypatch):
    monkeypatch.setattr(cache, "MAX_KEPT", 1)
    first = cache.load_codec()
    second = cache.load_codec(other)
    assert second is not first
    assert second.model.name == "other"
    assert cache.load_codec(other) is second
    assert len(cache._kept) == 1
    assert cache.load_codec() is not first


def test_with_room_for_two_both_are_kept(other, monkeypatch):
    monkeypatch.setattr(cache, "MAX_KEPT", 2)
    both = cache.load_codec(), cache.load_codec(other)
    assert (cache.load_codec(), cache.load_codec(other)) == both


def test_a_file_written_anew_is_loaded_anew(other, tmp_path):
    path = tmp_path / "model.safetensors"
    shutil.copy(other, path)
    before = cache.load_codec(path)
    path.unlink()
    shutil.copy(open_model().path, path)
    assert cache.load_codec(path) is not before
    assert cache.load_codec(path).model.name == open_model().name


def test_a_damaged_array_is_found_when_it_is_first_read(tmp_path):
    path = tmp_path / "model.safetensors"
    data = bytearray(open_model().path.read_bytes())
    data[-1] ^= 1  # of the encoder's last array
    path.write_bytes(data)
    codec = cache.load_codec(path)
    with pytest.raises(WrongModelError, match="digest"):
        codec.encode_batch(np.zeros((1, 128, 128, 3), np.uint8), level=8)
