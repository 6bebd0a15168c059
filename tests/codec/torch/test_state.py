"""The codec's engine neither depends on a program's torch settings nor changes them."""

from contextlib import ExitStack, contextmanager
from threading import Barrier, Thread

import numpy as np
import pytest
import torch

from stc import Codec
from stc.errors import BackendError
from stc.kernels.torch import search, state
from tests.codec.small import first_levels


@contextmanager
def put(function, value, before):
    function(value)
    try:
        yield
    finally:
        function(before)


@contextmanager
def precision(value):
    matmul = torch.backends.mkldnn.matmul
    if not hasattr(matmul, "fp32_precision"):
        pytest.skip("this torch has no such setting")
    before, matmul.fp32_precision = matmul.fp32_precision, value
    try:
        yield
    finally:
        matmul.fp32_precision = before


HOSTS = {
    "float64": lambda: put(torch.set_default_dtype, torch.float64, torch.float32),
    "meta": lambda: put(torch.set_default_device, "meta", None),
    "meta for a while": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "inference": torch.inference_mode,
    "no grad": torch.no_grad,
    "deterministic": lambda: put(torch.use_deterministic_algorithms, True, False),
    "bfloat16 inside": lambda: precision("bf16"),
}


def facts():
    """The settings of the host program."""
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_autocast_enabled("cpu"),
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
        getattr(torch.backends.mkldnn.matmul, "fp32_precision", None),
        torch.default_generator.get_state().numpy().tobytes(),
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return first_levels(tmp_path_factory.mktemp("model") / "small.safetensors", 2, groups=2)


@pytest.fixture(scope="module")
def canvases():
    ramp = np.linspace(0, 255, 128).astype(np.uint8)
    face = np.stack([np.add.outer(ramp // 2, ramp // 2)] * 3, -1)
    return face[None]


def used(codec, canvases):
    encoded = [one.unwrap() for one in codec.encode_batch(canvases, stages=2, effort=1)]
    files = [one.data for one in encoded]
    return files, [one.quality for one in encoded], codec.decode_batch(files).tobytes()


@pytest.fixture(scope="module")
def clean(model, canvases):
    """The results of a codec with torch's standard settings."""
    return used(Codec(model, device="torch"), canvases)


def everything():
    """All settings at once except inference mode, which cannot be restored."""
    stack = ExitStack()
    for name, host in HOSTS.items():
        if name != "inference":
            stack.enter_context(host())
    return stack


@pytest.mark.parametrize("host", [everything, torch.inference_mode])
def test_the_engine_does_the_same_and_leaves_all_as_it_was(host, clean, model, canvases):
    with host():
        before = facts()
        made_here = Codec(model, device="torch")
        assert used(made_here, canvases) == clean
        assert facts() == before
    if host is torch.inference_mode:  # what is made there must be of use elsewhere
        assert used(made_here, canvases) == clean


@pytest.mark.parametrize("host", HOSTS)
def test_so_does_the_search(host):
    generator = np.random.default_rng(0)
    latents = torch.from_numpy(generator.normal(size=(30, 3, 8)).astype(np.float32))
    books = torch.from_numpy(generator.normal(size=(2, 3, 40, 8)).astype(np.float32))
    for backend in ("torch", "numpy"):
        expected = search(latents, books, backend=backend)
        with HOSTS[host]():
            found = search(latents, books, backend=backend)
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.skipif(
    not hasattr(torch.backends.mkldnn.matmul, "fp32_precision"), reason="torch has no such setting"
)
def test_the_last_of_several_threads_puts_back_what_they_share():
    matmul = torch.backends.mkldnn.matmul
    inside, seen = Barrier(2), []

    def first():
        with state.undisturbed(torch.device("cpu")):
            inside.wait()  # both are inside
            inside.wait()  # the other one is outside
            seen.append(matmul.fp32_precision)

    with precision("bf16"):
        thread = Thread(target=first)
        thread.start()
        with state.undisturbed(torch.device("cpu")):
            inside.wait()
        inside.wait()
        thread.join()
        assert seen == ["ieee"]
        assert matmul.fp32_precision == "bf16"


def test_a_forked_child_has_one_thread_of_torch_meanwhile(monkeypatch):
    monkeypatch.setattr(state, "_forked", True)
    with put(torch.set_num_threads, 3, torch.get_num_threads()):
        with state.undisturbed(torch.device("cpu")):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3


def test_a_device_that_a_fork_has_lost_says_what_to_do(monkeypatch):
    def refuse():
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")

    monkeypatch.setattr(torch.cuda, "init", refuse)
    with pytest.raises(BackendError, match=r"cuda:0 cannot be used in process \d+: .*spawn"):
        state.check_usable(torch.device("cuda:0"))
