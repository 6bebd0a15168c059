"""Every backend of numpy arrays against the definition."""

import subprocess
import sys

import numpy as np
import pytest

from stc.errors import BackendError
from stc.kernels import PreparedCodebooks, numpy_search, search
from stc.kernels.definition import nearest
from stc.kernels.registry import BACKENDS
from tests.kernels.cases import SHAPES, groups_for, make, tied

NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(bool(b.why_not()), reason=b.why_not()))
    for name, b in BACKENDS.items()
    if b.takes == "numpy"
]


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_penalty", [False, True])
def test_both_modes_give_what_the_definition_gives(backend, shape, with_penalty):
    latents, codebooks, penalty = make(*shape)
    penalty = penalty if with_penalty else None
    prepared = PreparedCodebooks(codebooks, penalty)
    indices, costs = nearest(latents, codebooks, penalty)

    found = search(latents, prepared, backend=backend)
    np.testing.assert_array_equal(found[0], indices)
    np.testing.assert_array_equal(found[1], costs)
    assert found[0].dtype == np.int64
    assert found[1].dtype == np.float32

    given = groups_for(shape[0], shape[1])
    rows = np.arange(shape[0])
    for groups in (given, given.astype(np.int32)):
        found = search(latents, prepared, groups, backend=backend)
        np.testing.assert_array_equal(found[0], indices[rows, given])
        np.testing.assert_array_equal(found[1], costs[rows, given])


@pytest.mark.parametrize("backend", NAMES)
def test_ties_go_to_the_lowest_index(backend):
    ones = PreparedCodebooks(np.ones((5, 3, 40, 4), np.float32))
    assert (search(np.zeros((9, 3, 4), np.float32), ones, backend=backend)[0] == 0).all()
    latents, codebooks = tied()
    found, _ = search(latents, PreparedCodebooks(codebooks), backend=backend)
    np.testing.assert_array_equal(found, nearest(latents, codebooks)[0])


@pytest.mark.parametrize("backend", NAMES)
def test_far_from_the_origin_nothing_is_lost(backend):
    latents, codebooks, _ = make(50, 2, 3, 64, 8, mean=1000.0)
    indices, costs = nearest(latents.astype(np.float64), codebooks.astype(np.float64))
    found = search(latents, PreparedCodebooks(codebooks), backend=backend)
    assert (found[0] == indices).mean() > 0.999
    np.testing.assert_allclose(found[1], costs, rtol=1e-4)


@pytest.mark.parametrize("backend", NAMES)
def test_batches_threads_and_pieces_change_nothing(backend, monkeypatch):
    latents, codebooks, penalty = make(70, 3, 5, 96, 11)
    prepared, groups = PreparedCodebooks(codebooks, penalty), groups_for(70, 3)
    whole = search(latents, prepared, groups, backend=backend)
    monkeypatch.setattr(numpy_search, "PIECE", 1 << 12)
    for number in (1, 2, 3):
        monkeypatch.setenv("STC_THREADS", str(number))
        parts = [
            search(latents[start : start + number], prepared, groups[start : start + number])
            for start in range(0, 70, number)
        ]
        for field, pieces in zip(whole, zip(*parts, strict=True), strict=True):
            np.testing.assert_array_equal(np.concatenate(pieces), field)


@pytest.mark.parametrize("backend", NAMES)
def test_strides_are_accepted_and_nothing_is_written_to(backend):
    latents, codebooks, penalty = make(6, 2, 4, 20, 7)
    expected = search(latents, PreparedCodebooks(codebooks, penalty), backend=backend)
    strided = latents.transpose(2, 1, 0).copy().transpose(2, 1, 0)
    assert not strided.flags.c_contiguous
    for array in (strided, codebooks, penalty):
        array.flags.writeable = False
    found = search(strided, PreparedCodebooks(codebooks, penalty), backend=backend)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def prepared_zeros(*shape):
    return PreparedCodebooks(np.zeros(shape, np.float32))


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize(
    ("latents", "groups"),
    [
        (np.zeros((2, 3), np.float32), None),
        (np.zeros((2, 4, 5), np.float32), None),
        (np.zeros((2, 3, 4), np.float32), None),
        (np.zeros((2, 3, 5)), None),
        (np.zeros((2, 3, 5), np.int32), None),
        (np.full((2, 3, 5), np.nan, np.float32), None),
        (np.full((2, 3, 5), np.inf, np.float32), None),
        (np.full((2, 3, 5), -np.inf, np.float32), None),
        (np.zeros((2, 3, 5), np.float32), np.zeros(3, np.int64)),
        (np.zeros((2, 3, 5), np.float32), np.zeros((2, 1), np.int64)),
        (np.zeros((2, 3, 5), np.float32), np.zeros(2)),
        (np.zeros((2, 3, 5), np.float32), np.array([0, 2])),
        (np.zeros((2, 3, 5), np.float32), np.array([-1, 0])),
    ],
)
def test_what_does_not_fit_is_refused(backend, latents, groups):
    with pytest.raises(ValueError, match=r"must be|hold"):
        search(latents, prepared_zeros(2, 3, 4, 5), groups, backend=backend)


@pytest.mark.parametrize("backend", ["abacus", "torch", "triton"])
def test_backends_of_other_arrays_are_refused(backend):
    with pytest.raises(BackendError, match=backend):
        search(np.zeros((2, 3, 5), np.float32), prepared_zeros(1, 3, 4, 5), backend=backend)


def test_numpy_says_where_the_definition_must_decide(monkeypatch):
    """Scores within the rounding error are computed again; otherwise ties would be wrong."""
    generator = np.random.default_rng(0)
    codebooks = generator.standard_normal((1, 1, 64, 32), np.float32)
    order = generator.permutation(64)
    twins = np.concatenate([codebooks, codebooks[:, :, order]], 2)  # every codeword twice
    latents = generator.standard_normal((200, 1, 32), np.float32)
    found, _ = search(latents, PreparedCodebooks(twins), backend="numpy")
    np.testing.assert_array_equal(found, nearest(latents, twins)[0])


def test_the_runtime_searches_without_torch():
    code = """
import sys
import numpy as np
import stc.kernels
from stc.kernels import PreparedCodebooks, search
for backend in ("auto", "numpy"):
    search(np.zeros((2, 3, 5), np.float32), PreparedCodebooks(np.zeros((1, 3, 4, 5))))
assert not {"torch", "triton"} & set(sys.modules), "torch was imported"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
