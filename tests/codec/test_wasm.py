"""The core compiled for other targets: WebAssembly for web pages, and shorter vectors.

The WebAssembly runs under node, with decode.mjs, and its results are compared with the native core.
"""

import ctypes
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stc import bitstream
from stc.codec.layers import decoder_names, decoder_widths, linear_names, token_shape
from stc.codec.model_file import open_model
from stc.codec.native_core import NativeCore
from stc.codec.portable import PortableCore
from stc.codec.tokenizer import Tokenizer
from stc.codec.tokens import Tokens
from stc.native import library
from stc.native import library as native
from tests.codec.make_golden import FOLDER

SOURCE = Path(native.__file__).with_name("core.cpp")
WASM = ["--target=wasm32", "-msimd128", "-O3", "-nostdlib", "-fno-exceptions", "-fno-rtti"]
SHARED = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-shared", "-fPIC"]
MAX_WASM = 80 << 10  # bytes, of which a third is left when they are compressed
FILES = [
    bytes.fromhex(case["file"])
    for case in json.loads((FOLDER / f"{open_model().name}.json").read_text())
]


def needs(*tools):
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed")


@pytest.fixture(scope="module")
def model():
    return open_model()


@pytest.fixture(scope="module")
def planes(model):
    """The planes of the files, and the share of the model's tokens that each uses."""
    tokens = Tokens.of([bitstream.unpack(data, model.tables) for data in FILES])
    tokenizer = Tokenizer(model, PortableCore(model))
    spent = (tokens.counts / model.tables.tokens).astype(np.float32)
    return tokenizer.planes(tokenizer.dequantize(tokens)), spent


@pytest.fixture(scope="module")
def pictures(model, planes):
    return PortableCore(model).render(*planes).astype(int)


@needs("clang++", "wasm-ld", "node")
def test_a_page_draws_the_same(tmp_path, model, pictures):
    wasm = tmp_path / "core.wasm"
    subprocess.run(["clang++", *WASM, "-Wl,--no-entry", str(SOURCE), "-o", str(wasm)], check=True)  # noqa: S607
    assert wasm.stat().st_size <= MAX_WASM
    levels, widths = len(model.level_sizes), decoder_widths(model)
    headers = [bitstream.parse_header(data) for data in FILES]
    plan = {
        "shape": token_shape(model),
        "widths": widths,
        "counts": ["groups.counts", *(f"levels.{number}.counts" for number in range(levels))],
        "linear": linear_names(levels),
        "decoder": list(decoder_names(widths)),
        "tokens": model.tables.tokens,
        "faces": [{"payload": h.payload.hex(), "count": h.tokens} for h in headers],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    glue = Path(__file__).with_name("decode.mjs")
    command = ["node", str(glue), str(wasm), str(model.path), str(tmp_path / "plan.json")]
    drawn = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    found = np.frombuffer(drawn, np.uint8).reshape(pictures.shape)
    assert np.abs(found - pictures).max() <= 1


@needs("g++")
@pytest.mark.parametrize("lanes", [4, 8])
def test_machines_with_shorter_vectors_draw_the_same(
    tmp_path, monkeypatch, model, planes, pictures, lanes
):
    built = tmp_path / "core.so"
    define = f"-DSTC_MAX_LANES={lanes}"
    subprocess.run(["g++", *SHARED, define, str(SOURCE), "-o", str(built)], check=True)  # noqa: S607
    monkeypatch.setattr(library, "_library", library.declare(ctypes.CDLL(str(built))))
    core = NativeCore(model)
    assert np.abs(core.render(*planes) - pictures).max() <= 1
    basis = model.matrix("basis")
    portable = PortableCore(model)
    for batch in (1, 7):
        x = np.random.default_rng(batch).normal(size=(batch, 6144)).astype(np.float32)
        components = core.project(x, basis)
        np.testing.assert_allclose(components, portable.project(x, basis), rtol=1e-3, atol=1e-4)
        expected = portable.expand(components, basis)
        np.testing.assert_allclose(core.expand(components, basis), expected, rtol=1e-3, atol=1e-4)
