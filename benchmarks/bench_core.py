"""The cores of the codec, and numpy's products in floats: `pytest --benchmark-only`.

One thread. On a busy machine run it under `taskset -c 0` and read the medians. Products are those
with the basis, int8 [6144, 1536], which would take 38 MB as floats. "decode" is all of a file of
192 bytes, from its payload to the picture.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stc import Codec, bitstream
from stc.codec.core import open_core
from stc.codec.model_file import open_model
from stc.native import library as native
from stc.native.choice import VARIABLE

GOLDEN = json.loads(Path("tests/codec/golden/stc-open-1.json").read_text())
FILE = bytes.fromhex(next(case["file"] for case in GOLDEN if case["name"].endswith("-192")))


@pytest.fixture(scope="module", autouse=True)
def _green():
    """Time nothing if the tests of the cores fail."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "tests/codec/test_core.py"]
    tests = subprocess.run(command, capture_output=True, text=True)
    if tests.returncode != 0:
        pytest.exit(f"the tests of the cores fail, nothing is timed:\n{tests.stdout[-2000:]}", 1)


@pytest.fixture(scope="module")
def model():
    return open_model("stc-open-1")


@pytest.fixture(params=["native", "portable"])
def core(request, model, monkeypatch):
    if request.param == "native" and not native.available:
        pytest.skip(native.why)
    monkeypatch.setenv(VARIABLE, request.param)
    monkeypatch.setenv("STC_THREADS", "1")
    return open_core(model)


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def run(benchmark, name, faces, work, rounds=20):
    benchmark.extra_info.update(face=name, faces=faces)
    benchmark.pedantic(work, rounds=rounds, warmup_rounds=2)


def kind(core):
    return type(core).__name__.removesuffix("Core").lower()


@pytest.mark.parametrize("batch", [1, 16, 64])
def test_project(benchmark, core, model, batch):
    basis, x = model.matrix("basis"), numbers(batch, 6144)
    run(benchmark, f"project {batch}, {kind(core)}", batch, lambda: core.project(x, basis))


@pytest.mark.parametrize("batch", [1, 16, 64])
def test_expand(benchmark, core, model, batch):
    basis, v = model.matrix("basis"), numbers(batch, 1536)
    run(benchmark, f"expand {batch}, {kind(core)}", batch, lambda: core.expand(v, basis))


@pytest.mark.parametrize("batch", [1, 16, 64])
def test_product_in_floats(benchmark, model, batch):
    """The time of `project` in numpy with the matrix prepared as floats."""
    basis = model.matrix("basis")
    dense, x = basis.values * basis.scale, numbers(batch, 6144)
    run(benchmark, f"project {batch}, floats", batch, lambda: x @ dense)


@pytest.mark.parametrize("batch", [1, 16])
def test_render(benchmark, core, batch):
    planes, spent = numbers(batch, 6144), np.full(batch, 0.5, np.float32)
    run(benchmark, f"render {batch}, {kind(core)}", batch, lambda: core.render(planes, spent))


def test_payload(benchmark, core, model):
    header = bitstream.parse_header(FILE)
    given = model.tables, header.tokens, header.payload
    run(benchmark, f"payload, {kind(core)}", 1, lambda: bitstream.decode_payload(*given), 50)


def test_decode(benchmark, core):
    codec = Codec("stc-open-1")
    tables = codec.model.tables
    data = bitstream.pack(b"", tables, *bitstream.unpack(FILE, tables), bare=True)
    decode = codec.decode_batch
    run(benchmark, f"decode, {kind(core)}", 1, lambda: decode([data], bare=True), 50)
