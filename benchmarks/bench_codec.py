"""How long a face takes: `pytest benchmarks --benchmark-only`."""

import numpy as np
import pytest

from stc import Codec
from stc.bitstream import pack, unpack
from stc.imaging import frame

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture(scope="module")
def codec():
    return Codec()


@pytest.fixture(scope="module")
def canvas():
    return frame(ASTRONAUT)


def test_find_and_frame(benchmark):
    benchmark(frame, ASTRONAUT)


@pytest.mark.parametrize("faces", [1, 64])
def test_encode(benchmark, codec, canvas, faces):
    batch = np.repeat(canvas[None], faces, 0)
    benchmark(codec.encode_canvases, batch, max_bytes=192)


@pytest.mark.parametrize("faces", [1, 64])
def test_decode(benchmark, codec, canvas, faces):
    files = codec.encode_canvases(np.repeat(canvas[None], faces, 0), max_bytes=192)
    benchmark(codec.decode_canvases, files)


@pytest.mark.parametrize("limit", [64, 192, 384])
def test_entropy_decoding(benchmark, codec, canvas, limit):
    (data,) = codec.encode_canvases(canvas[None], max_bytes=limit)
    benchmark(unpack, data, codec.tables)


@pytest.mark.parametrize("limit", [64, 192, 384])
def test_entropy_coding(benchmark, codec, canvas, limit):
    (data,) = codec.encode_canvases(canvas[None], max_bytes=limit)
    group, indices = unpack(data, codec.tables)
    benchmark(pack, b"\0\0", codec.tables, group, indices)
