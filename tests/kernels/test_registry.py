"""The choice of a backend, and the reasons why one is not available."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from stc.errors import BackendError
from stc.kernels import PreparedCodebooks, backends, registry, search
from stc.kernels.registry import BACKENDS, choose
from tests.kernels.cases import make


@pytest.fixture
def change(monkeypatch):
    """A function that changes a row of the table."""

    def change(name, **fields):
        monkeypatch.setitem(BACKENDS, name, replace(BACKENDS[name], **fields))

    monkeypatch.delenv(registry.VARIABLE, raising=False)
    return change


def test_every_row_says_what_it_is_or_why_not():
    found = backends()
    assert list(found) == list(BACKENDS)
    for name, text in found.items():
        assert text.startswith("no: ") == bool(BACKENDS[name].why_not())
        assert len(text) > 4
    assert "numpy" in found["numpy"]
    lines = registry.table().splitlines()
    assert [line[2:].split()[0] for line in lines] == list(BACKENDS)
    assert [line[0] for line in lines].count("*") == 1


@pytest.mark.parametrize(
    ("arrays", "device", "missing", "expected"),
    [
        ("numpy", "cpu", (), "native"),
        ("numpy", "cpu", ("native",), "numpy"),
        ("torch", "cpu", (), "native"),
        ("torch", "cpu", ("native",), "torch"),
        ("torch", "cuda", (), "triton"),
        ("torch", "cuda", ("triton",), "torch"),
        ("torch", "mps", (), "torch"),
    ],
)
def test_the_first_that_serves_is_chosen(change, arrays, device, missing, expected):
    for name in BACKENDS:
        change(name, why_not=lambda name=name: "gone" if name in missing else "")
    assert choose(arrays=arrays, device=device).name == expected


def test_the_variable_overrides_the_choice_but_not_what_was_asked_for(change, monkeypatch):
    change("native", why_not=lambda: "")
    monkeypatch.setenv(registry.VARIABLE, "numpy")
    assert choose().name == "numpy"
    assert choose("native").name == "native"
    assert "* numpy" in registry.table()
    monkeypatch.setenv(registry.VARIABLE, "abacus")
    with pytest.raises(BackendError, match=r"abacus.*auto, native"):
        choose()


def test_a_backend_that_cannot_serve_says_why(change):
    change("native", why_not=lambda: "no compiler")
    assert backends()["native"] == "no: no compiler"
    with pytest.raises(BackendError, match=r"native is not available: no compiler"):
        choose("native")
    with pytest.raises(BackendError, match="numpy does not support torch tensors on cuda"):
        choose("numpy", "torch", "cuda")
    with pytest.raises(BackendError, match="torch does not support numpy arrays"):
        choose("torch")


def test_one_more_row_is_one_more_backend(monkeypatch):
    row = replace(BACKENDS["numpy"], name="another", describe=lambda: "a test's")
    monkeypatch.setitem(BACKENDS, "another", row)
    latents, codebooks, _ = make(3, 2, 4, 9, 5)
    prepared = PreparedCodebooks(codebooks)
    monkeypatch.setenv(registry.VARIABLE, "another")
    assert backends()["another"] == "a test's"
    found, expected = search(latents, prepared), search(latents, prepared, backend="numpy")
    np.testing.assert_array_equal(found[0], expected[0])


def test_without_torch_its_backends_say_so():
    code = """
import sys
from importlib.machinery import PathFinder
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in ("torch", "triton") else find(name, *a)
from stc.kernels import backends
found = backends()
assert found["torch"] == "no: torch is not installed", found
assert found["triton"] == "no: triton is not installed", found
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
