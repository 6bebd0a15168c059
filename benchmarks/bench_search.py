"""The nearest-codeword search, compared with the machine's limits and other libraries.

    pytest benchmarks/bench_search.py --benchmark-only

Cases: A fits into the cache, B streams groups of larger codebooks, C is one image and bound by
memory, D is a batch of faces in the largest residual stage of stc-open-1, E one face in one of its
smaller stages. faiss-cpu and vector-quantize-pytorch are timed if they are installed. Every figure
is the best of its rounds; the table at the end is valid within this run only.
"""

import subprocess
import sys

import pytest
import torch

from stc import kernels
from stc.kernels.registry import BACKENDS
from stc.kernels.torch import PreparedCodebooks, search

CASES = {  # B, T, G, K, D
    "A": (256, 64, 8, 256, 16),
    "B": (64, 256, 16, 1024, 12),
    "C": (1, 256, 16, 1024, 12),
    "D": (256, 128, 1, 256, 11),
    "E": (1, 32, 1, 256, 13),
}


@pytest.fixture(scope="module", autouse=True)
def _green():
    """Time nothing if the tests of the search fail."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "tests/kernels"]
    tests = subprocess.run(command, capture_output=True, text=True)
    if tests.returncode != 0:
        pytest.exit(f"the kernel tests fail, nothing is timed:\n{tests.stdout[-2000:]}", 1)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """Name, latents and codebooks."""
    b, t, g, k, d = CASES[request.param]
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(b, t, d, generator=generator)
    return request.param, latents, torch.randn(g, t, k, d, generator=generator)


@pytest.fixture(params=[1, 2])
def threads(request, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    monkeypatch.setenv("STC_THREADS", str(request.param))
    yield request.param
    torch.set_num_threads(before)


def stc_backend(name):
    def make(latents, codebooks):
        if reason := BACKENDS[name].why_not():
            pytest.skip(f"backend {name}: {reason}")
        if BACKENDS[name].takes == "numpy":
            on_host = kernels.PreparedCodebooks(codebooks.numpy())
            array = latents.numpy()
            return lambda: kernels.search(array, on_host, backend=name)
        prepared = PreparedCodebooks(codebooks)
        return lambda: search(latents, prepared, groups="all", backend=name)

    return make


def baddbmm(latents, codebooks):
    """Scores by matrix products, in chunks that fit into the cache, then their minimum."""
    z = latents.transpose(0, 1).contiguous()
    bias = codebooks.square().sum(3)[:, :, None] / 2
    transposed = codebooks.transpose(2, 3)
    tokens = max(1, (1 << 18) // (len(latents) * codebooks.shape[2]))

    def run():
        for group, half in zip(transposed, bias, strict=True):
            for t in range(0, len(z), tokens):
                part = slice(t, t + tokens)
                torch.baddbmm(half[part], z[part], group[part], alpha=-1).min(2)

    return run


def cdist(latents, codebooks):
    z = latents.transpose(0, 1).contiguous()
    return lambda: [torch.cdist(z, group).min(2) for group in codebooks]


def faiss_flat(latents, codebooks):
    faiss = pytest.importorskip("faiss", reason="faiss-cpu is not installed")
    groups, tokens, _, dimensions = codebooks.shape
    flat = {}
    for g in range(groups):
        for t in range(tokens):
            flat[g, t] = faiss.IndexFlatL2(dimensions)
            flat[g, t].add(codebooks[g, t].numpy())
    z = [latents[:, t].contiguous().numpy() for t in range(tokens)]

    def run():
        faiss.omp_set_num_threads(torch.get_num_threads())
        return [index.search(z[t], 1) for (_, t), index in flat.items()]

    return run


def vector_quantize(latents, codebooks):
    package = pytest.importorskip(
        "vector_quantize_pytorch", reason="vector-quantize-pytorch is not installed"
    )
    _, tokens, codewords, dimensions = codebooks.shape
    books = []
    for group in codebooks:
        book = package.VectorQuantize(
            tokens * dimensions,
            codewords,
            codebook_dim=dimensions,
            heads=tokens,
            separate_codebook_per_head=True,
        )
        book.eval()._codebook.embed.data.copy_(group)
        books.append(book)
    z = latents.flatten(1)[:, None]
    return torch.no_grad()(lambda: [book(z) for book in books])


CONTENDERS = {
    "native": stc_backend("native"),
    "numpy": stc_backend("numpy"),
    "torch": stc_backend("torch"),
    "baddbmm + min": baddbmm,
    "cdist": cdist,
    "faiss": faiss_flat,
    "vector-quantize-pytorch": vector_quantize,
}


@pytest.mark.parametrize("contender", CONTENDERS)
def test_search(benchmark, case, threads, contender):
    name, latents, codebooks = case
    run = CONTENDERS[contender](latents, codebooks)
    work = 2 * len(latents) * codebooks.numel()
    rounds = 20 if contender == "native" else 5
    if work < 1e8:  # too little for the processor to reach its full clock in a round
        rounds *= 50
    benchmark.pedantic(run, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info.update(case=name, threads=threads, contender=contender, flop=work)
    benchmark.extra_info["bytes"] = 4 * codebooks.numel()


def test_sgemm(benchmark, threads):
    """The rate of the machine's matrix product, as a limit."""
    a = torch.randn(1536, 1536)
    benchmark.pedantic(lambda: a @ a, rounds=20, warmup_rounds=2)
    benchmark.extra_info.update(threads=threads, contender="sgemm", flop=2 * 1536**3)


def test_copy(benchmark, threads):
    """The rate of a plain copy, with read and written bytes counted, as a limit."""
    a = torch.randn(1 << 26)
    b = torch.empty_like(a)
    benchmark.pedantic(lambda: b.copy_(a), rounds=10, warmup_rounds=1)
    benchmark.extra_info.update(threads=threads, contender="copy", bytes=2 * 4 * a.numel())
