"""What a thread's arithmetic is set to is neither obeyed nor changed."""

import ctypes
import platform
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import stc
from stc import floating_point
from stc.floating_point import standard_floats
from stc.kernels import PreparedCodebooks, search
from tests.conftest import ASTRONAUT

UPWARD = {"x86_64": 0x800, "aarch64": 0x400000}.get(platform.machine())

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or UPWARD is None, reason="FE_UPWARD is not known here"
)


@pytest.fixture
def libm():
    library = ctypes.CDLL(None)
    before = ctypes.create_string_buffer(512)
    library.fegetenv(before)
    yield library
    library.fesetenv(before)


def parts():
    return np.float32(1) / np.arange(3, 50, dtype=np.float32)


@pytest.fixture
def upward(libm):
    """This thread rounds up: the case says nothing unless that changes sums."""
    usual = parts()
    assert libm.fesetround(UPWARD) == 0
    assert (parts() != usual).any()
    return usual


def test_inside_it_is_as_usual_and_outside_as_it_was(libm, upward):
    with standard_floats():
        assert libm.fegetround() == 0
        assert (parts() == upward).all()
    assert libm.fegetround() == UPWARD
    with pytest.raises(KeyError), standard_floats():
        raise KeyError
    assert libm.fegetround() == UPWARD


def test_where_the_standard_environment_is_unknown_only_numpy_is_set(monkeypatch):
    """On PowerPC its address is another one, and a guess would crash the process."""
    monkeypatch.setattr(floating_point.os, "uname", lambda: SimpleNamespace(machine="ppc64le"))
    assert floating_point._functions.__wrapped__() is None


def test_numpys_settings_are_the_hosts_again():
    with np.errstate(all="raise"):
        with standard_floats():
            assert np.isinf(np.float32(1) / np.zeros(1, np.float32)).all()
        with pytest.raises(FloatingPointError):
            np.float32(1) / np.zeros(1, np.float32)


def test_another_thread_keeps_its_own():
    rounds = []
    libm = ctypes.CDLL(None)
    with standard_floats():
        thread = threading.Thread(target=lambda: rounds.append(libm.fegetround()))
        thread.start()
        thread.join()
    assert rounds == [0]


def test_files_and_pictures_are_the_same(libm, face_file):
    picture = stc.decode(face_file, size=200).tobytes()
    assert libm.fesetround(UPWARD) == 0
    with np.errstate(all="raise"):
        assert stc.encode(ASTRONAUT) == face_file
        assert stc.decode(face_file, size=200).tobytes() == picture
    assert libm.fegetround() == UPWARD


def test_searches_are_the_same(libm):
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(40, 3, 9)).astype(np.float32)
    books = generator.normal(size=(2, 3, 33, 9))
    expected = search(latents, PreparedCodebooks(books))
    assert libm.fesetround(UPWARD) == 0
    found = search(latents, PreparedCodebooks(books))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
