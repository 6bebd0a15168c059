"""Every backend for torch tensors, through the public function, against the definition."""

import pytest
import torch

from stc.errors import BackendError
from stc.kernels.registry import BACKENDS
from stc.kernels.torch import Nearest, PreparedCodebooks, chunked
from stc.kernels.torch import search as search_on_device
from tests.kernels.cases import RELATIVE, SHAPES
from tests.kernels.torch.tensors import groups_for, make, nearest, tied

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
ROWS = [
    pytest.param(
        (name, device),
        id=f"{name}-{device}",
        marks=[
            pytest.mark.skipif(bool(backend.why_not()), reason=backend.why_not() or "serves"),
            *([NO_CUDA] if device == "cuda" else []),
        ],
    )
    for name, backend in BACKENDS.items()
    for device in ("cpu", "cuda")
    if backend.fits("torch", device)
]


def search(latents, codebooks, *, backend=("auto", "cpu"), **options):
    """Call the public function on a backend's device; return the results on the CPU."""
    name, device = backend
    if isinstance(codebooks, PreparedCodebooks):
        if device != "cpu":
            codebooks = PreparedCodebooks(
                codebooks.codebooks.to(device),
                None if codebooks.penalty is None else codebooks.penalty.to(device),
            )
    else:
        codebooks = codebooks.to(device)
    for key, value in options.items():
        if isinstance(value, torch.Tensor):
            options[key] = value.to(device)
    found = search_on_device(latents.to(device), codebooks, backend=name, **options)
    return Nearest(*(field.cpu() for field in found))


def same_costs(found, expected, backend):
    """Every backend rounds as the definition does, but Triton's sums come in another order."""
    tolerance = RELATIVE if backend[0] == "triton" else 0
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", ROWS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_penalty", [False, True])
@pytest.mark.parametrize("check", [False, True])
def test_every_mode_gives_what_the_definition_gives(backend, shape, with_penalty, check):
    latents, codebooks, penalty = make(*shape)
    penalty = penalty if with_penalty else None
    options = {"penalty": penalty, "backend": backend, "check": check}
    indices, costs = nearest(latents, codebooks, penalty)

    every = search(latents, codebooks, groups="all", **options)
    torch.testing.assert_close(every.indices, indices)
    same_costs(every.costs, costs, backend)

    best = search(latents, codebooks, **options)
    chosen = costs.double().sum(2).argmin(1)
    rows = torch.arange(shape[0])
    torch.testing.assert_close(best.groups, chosen)
    torch.testing.assert_close(best.indices, indices[rows, chosen])

    given = groups_for(shape[0], shape[1])
    named = search(latents, codebooks, groups=given.int(), **options)
    torch.testing.assert_close(named.groups, given)
    torch.testing.assert_close(named.indices, indices[rows, given])
    same_costs(named.costs, costs[rows, given], backend)


@pytest.mark.parametrize("backend", ROWS)
def test_ties_go_to_the_lowest_index_and_group(backend):
    found = search(torch.zeros(9, 3, 4), torch.ones(5, 3, 40, 4), backend=backend)
    assert found.indices.eq(0).all()
    assert found.groups.eq(0).all()
    latents, codebooks = tied()
    indices, _ = nearest(latents, codebooks)
    found = search(latents, codebooks, groups="all", backend=backend)
    torch.testing.assert_close(found.indices, indices)
    # The same book twice in another order: equal totals, the lower group.
    twice = torch.stack([codebooks[0], codebooks[0].flip(1)])
    assert search(latents, twice, backend=backend).groups.eq(0).all()


@pytest.mark.parametrize("backend", ROWS)
def test_far_from_the_origin_nothing_is_lost(backend):
    latents, codebooks, _ = make(50, 2, 3, 64, 8, mean=1000.0)
    indices, costs = nearest(latents.double(), codebooks.double())
    found = search(latents, codebooks, groups="all", backend=backend)
    assert (found.indices == indices).float().mean() > 0.999
    torch.testing.assert_close(found.costs, costs.float(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("backend", ROWS)
def test_batch_threads_and_chunks_change_nothing(backend, monkeypatch):
    latents, codebooks, penalty = make(70, 3, 5, 96, 11)
    prepared = PreparedCodebooks(codebooks, penalty)
    whole = search(latents, prepared, backend=backend)
    monkeypatch.setattr(chunked, "PIECE", 1 << 12)
    monkeypatch.setattr("stc.kernels.torch.dispatch.PIECE", 64)
    threads = torch.get_num_threads()
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            parts = [search(part, prepared, backend=backend) for part in latents.split(number)]
            for field, pieces in zip(whole, zip(*parts, strict=True), strict=True):
                torch.testing.assert_close(torch.cat(pieces), field, rtol=0, atol=0)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("backend", ROWS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_strides_are_accepted(backend, dtype):
    latents, codebooks, _ = make(6, 2, 4, 20, 7)
    latents, codebooks = latents.to(dtype), codebooks.to(dtype)
    expected = search(latents.float(), codebooks.float(), backend=backend)
    strided = latents.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    assert not strided.is_contiguous()
    for field, wanted in zip(search(strided, codebooks, backend=backend), expected, strict=True):
        torch.testing.assert_close(field, wanted, rtol=0, atol=0)


def test_tensors_that_learn_are_searched_too():
    latents, codebooks, _ = make(6, 2, 4, 20, 7)
    expected = search(latents, codebooks)
    found = search(latents.requires_grad_(), torch.nn.Parameter(codebooks))
    torch.testing.assert_close(found.indices, expected.indices)
    assert not found.costs.requires_grad


def test_another_penalty_needs_no_new_preparation():
    latents, codebooks, penalty = make(6, 2, 4, 20, 7)
    prepared = PreparedCodebooks(codebooks)
    search(latents, prepared)
    other = prepared.with_penalty(penalty)
    assert other.host.columns is prepared.host.columns
    assert other.split[0] is prepared.split[0]
    expected = search(latents, codebooks, penalty=penalty)
    for found in (search(latents, other), search(latents, prepared, penalty=penalty)):
        torch.testing.assert_close(found.indices, expected.indices)
        torch.testing.assert_close(found.costs, expected.costs)


@pytest.mark.parametrize(
    ("latents", "codebooks", "options"),
    [
        (torch.zeros(2, 3), torch.zeros(1, 3, 4, 5), {}),
        (torch.zeros(2, 3, 5), torch.zeros(1, 2, 4, 5), {}),
        (torch.zeros(2, 3, 4), torch.zeros(1, 3, 4, 5), {}),
        (torch.zeros(2, 3, 5), torch.zeros(3, 4, 5), {}),
        (torch.zeros(2, 3, 5), torch.zeros(1, 3, 0, 5), {}),
        (torch.zeros(2, 3, 65), torch.zeros(1, 3, 4, 65), {}),
        (torch.zeros(2, 3, 5, dtype=torch.int), torch.zeros(1, 3, 4, 5), {}),
        (torch.full((2, 3, 5), float("nan")), torch.zeros(1, 3, 4, 5), {}),
        (torch.full((2, 3, 5), float("inf")), torch.zeros(1, 3, 4, 5), {}),
        (torch.zeros(2, 3, 5), torch.full((1, 3, 4, 5), float("nan")), {}),
        (torch.zeros(2, 3, 5), torch.full((1, 3, 4, 5), 1e30), {}),
        (torch.zeros(2, 3, 5), torch.zeros(1, 3, 4, 5), {"penalty": torch.zeros(1, 3, 5)}),
        (
            torch.zeros(2, 3, 5),
            torch.zeros(1, 3, 4, 5),
            {"penalty": torch.full((1, 3, 4), float("inf"))},
        ),
        (torch.zeros(2, 3, 5), torch.zeros(1, 3, 4, 5), {"groups": torch.zeros(3).long()}),
        (torch.zeros(2, 3, 5), torch.zeros(1, 3, 4, 5), {"groups": torch.ones(2).long()}),
        (torch.zeros(2, 3, 5), torch.zeros(1, 3, 4, 5), {"groups": torch.zeros(2)}),
        (torch.zeros(2, 3, 5), torch.zeros(1, 3, 4, 5), {"groups": "some"}),
        (torch.zeros(2, 3, 5), torch.zeros(1, 3, 4, 5), {"backend": ("abacus", "cpu")}),
    ],
)
def test_what_does_not_fit_is_refused(latents, codebooks, options):
    with pytest.raises(ValueError, match=r"must be|at most|hold|holds|no backend"):
        search(latents, codebooks, **options)


@pytest.mark.parametrize("name", [name for name in BACKENDS if not BACKENDS[name].why_not()])
def test_the_variable_chooses_and_a_wrong_one_is_named(monkeypatch, name):
    latents, codebooks, _ = make(2, 1, 2, 3, 4)
    module = BACKENDS[name].module
    called, run = [], BACKENDS[name].run
    monkeypatch.setattr(f"{module}.run", lambda *given: called.append(given) or run(*given))
    monkeypatch.setenv("STC_BACKEND", name)
    search(latents, codebooks)
    assert called
    monkeypatch.setenv("STC_BACKEND", "abacus")
    with pytest.raises(BackendError, match="abacus"):
        search(latents, codebooks)
