"""The arrays passed from Python to the C++ search have the type, shape and layout it expects."""

import shutil

import numpy as np
import pytest

from stc.errors import BackendError
from stc.kernels import PreparedCodebooks, native, search
from stc.kernels.definition import nearest
from tests.kernels.cases import groups_for, make

NO_LIBRARY = pytest.mark.skipif(bool(native.why), reason=native.why or "there")
COMPILERS = [name for name in ("c++", "g++", "clang++") if shutil.which(name)]


@pytest.mark.skipif(not COMPILERS, reason="no C++ compiler here")
def test_where_there_is_a_compiler_the_library_was_built():
    assert native.why == ""


@NO_LIBRARY
def test_groups_are_sorted_and_those_of_nobody_skipped():
    latents, codebooks, penalty = make(301, 2, 2, 65, 12)
    codebooks, penalty = np.repeat(codebooks, 3, 0), np.repeat(penalty, 3, 0)
    codebooks += np.arange(6, dtype=np.float32)[:, None, None, None]
    groups = 2 * groups_for(301, 3)  # groups 1, 3 and 5 are empty
    indices, costs = nearest(latents, codebooks, penalty)
    found = native.run(latents, PreparedCodebooks(codebooks, penalty), groups)
    rows = np.arange(301)
    np.testing.assert_array_equal(found[0], indices[rows, groups])
    np.testing.assert_array_equal(found[1], costs[rows, groups])


@NO_LIBRARY
@pytest.mark.parametrize(
    "latents",
    [
        np.zeros((2, 3, 4), np.float32),
        np.zeros((2, 3, 5)),
        np.zeros((2, 3, 5), ">f4"),
        np.zeros((5, 3, 2), np.float32).T,
        np.zeros((4, 3, 5), np.float32)[::2],
    ],
)
def test_other_latents_never_reach_c(latents):
    prepared = PreparedCodebooks(np.zeros((2, 3, 4, 5)))
    with pytest.raises(ValueError, match="latents must be contiguous float32"):
        native.run(latents, prepared, None)


@NO_LIBRARY
@pytest.mark.parametrize(
    "groups",
    [np.zeros(3, np.int64), np.zeros(2, np.int32), np.zeros(4, np.int64)[::2]],
)
def test_other_groups_never_reach_c(groups):
    prepared = PreparedCodebooks(np.zeros((2, 3, 4, 5)))
    with pytest.raises(ValueError, match="groups must be contiguous int64"):
        native.run(np.zeros((2, 3, 5), np.float32), prepared, groups)


@NO_LIBRARY
@pytest.mark.parametrize("group", [-1, 2, 1 << 40])
def test_c_itself_refuses_groups_out_of_range(group):
    prepared = PreparedCodebooks(np.zeros((2, 3, 4, 5)))
    with pytest.raises(ValueError, match="groups out of range"):
        native.run(np.zeros((2, 3, 5), np.float32), prepared, np.array([0, group]))


@NO_LIBRARY
def test_arrays_of_the_codebooks_are_checked_too(monkeypatch):
    prepared = PreparedCodebooks(np.zeros((2, 3, 4, 5)))
    monkeypatch.setattr(PreparedCodebooks, "centre", np.zeros((3, 5)))
    with pytest.raises(ValueError, match="centre must be contiguous float32"):
        native.run(np.zeros((2, 3, 5), np.float32), prepared, None)


@NO_LIBRARY
def test_numbers_near_the_end_of_float32_still_give_an_index():
    prepared = PreparedCodebooks(np.ones((1, 3, 4, 5)))
    indices, costs = native.run(np.full((2, 3, 5), 3e38, np.float32), prepared, None)
    assert (indices == 0).all()
    assert np.isposinf(costs).all()


def test_without_the_library_numpy_searches(monkeypatch):
    monkeypatch.setattr(native, "why", "no compiler")
    monkeypatch.setattr(native, "_library", None)
    latents, codebooks, _ = make(5, 2, 3, 9, 4)
    prepared = PreparedCodebooks(codebooks)
    np.testing.assert_array_equal(search(latents, prepared)[0], nearest(latents, codebooks)[0])
    with pytest.raises(BackendError, match="no compiler"):
        search(latents, prepared, backend="native")
    with pytest.raises(BackendError, match="no compiler"):
        native.run(latents, prepared, None)
