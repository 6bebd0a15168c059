"""One bounded cache of codecs."""

import os
import shutil
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stc.codec import cache
from stc.codec.model_file import DEFAULT, open_model, save_model
from stc.errors import WrongModelError


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    monkeypatch.setattr(cache, "_slots", {})


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
    assert len(cache._slots) == 1
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
        codec.encode_batch(np.zeros((1, 128, 128, 3), np.uint8), stages=8)


class SlowStart:
    """A replacement of `Codec`: building one model blocks until the test continues it."""

    def __init__(self, slow):
        self.slow, self.began, self.go = slow, threading.Event(), threading.Event()
        self.process = os.getpid()

    def __call__(self, model, *, device):
        if model.name == self.slow and os.getpid() == self.process:
            self.began.set()
            assert self.go.wait(60)
        return f"the codec of {model.name}"


def test_a_slow_start_blocks_no_other_model(other, monkeypatch):
    codec = SlowStart("other")
    monkeypatch.setattr(cache, "Codec", codec)
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(cache.load_codec, other)
        assert codec.began.wait(60)
        try:
            quick = threads.submit(cache.load_codec).result(30)
        finally:
            codec.go.set()
        assert quick == f"the codec of {DEFAULT}"
        assert slow.result(60) == "the codec of other"


def test_a_start_that_failed_takes_no_place_and_is_tried_again(monkeypatch):
    real = cache.Codec

    def broken(model, *, device):
        raise WrongModelError("damaged")

    monkeypatch.setattr(cache, "Codec", broken)
    for _ in range(2):
        with pytest.raises(WrongModelError, match="damaged"):
            cache.load_codec()
    assert not cache._slots
    monkeypatch.setattr(cache, "Codec", real)
    assert cache.load_codec().model.name == DEFAULT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_while_other_threads_hold_locks_can_load(other, monkeypatch):
    codec = SlowStart("other")
    monkeypatch.setattr(cache, "Codec", codec)
    ready = cache.load_codec()
    held = threading.Event()

    def hold():
        with cache._lock:
            held.set()
            assert codec.go.wait(60)

    with ThreadPoolExecutor(2) as threads:
        threads.submit(cache.load_codec, other)
        assert codec.began.wait(60)
        threads.submit(hold)
        assert held.wait(60)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads
            child = os.fork()
        if child == 0:
            try:
                signal.alarm(30)  # ends a child that waits forever
                fine = cache.load_codec(other) == "the codec of other"
                fine = fine and cache.load_codec() is ready
                os._exit(0 if fine else 1)
            finally:
                os._exit(2)
        codec.go.set()
        _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status), "the child waited for a lock that is never released"
    assert os.WEXITSTATUS(status) == 0
