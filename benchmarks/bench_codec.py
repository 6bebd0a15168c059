"""Time of encoding and decoding a face on one thread, after the model is loaded.

pytest benchmarks/bench_codec.py --benchmark-only
"""

import io

import numpy as np
import pytest
from PIL import Image

import stc
from stc import Codec
from stc.bitstream import pack, unpack
from stc.imaging import frame

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("STC_THREADS", "1")


@pytest.fixture(scope="module")
def codec():
    return Codec()


@pytest.fixture(scope="module")
def canvas():
    return frame(ASTRONAUT)


@pytest.fixture(scope="module")
def photograph():
    """The astronaut as a JPEG of 320 x 320 pixels."""
    with Image.open(ASTRONAUT) as picture:
        small = picture.convert("RGB").resize((320, 320), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=90)
    return file.getvalue()


def face(benchmark, name, work, *arguments, faces=1):
    """Time work(*arguments), for a row of the table at the end."""
    benchmark.extra_info.update(face=name, faces=faces)
    benchmark(work, *arguments)


def test_encode_a_photograph(benchmark, photograph):
    face(benchmark, "encode, a JPEG of 320 px", stc.encode, photograph)


def test_find_and_frame(benchmark, photograph):
    face(benchmark, "find the face and align it", frame, photograph)


@pytest.mark.parametrize("faces", [1, 64])
def test_encode(benchmark, codec, canvas, faces):
    batch = np.repeat(canvas[None], faces, 0)
    face(benchmark, f"encode, {faces} canvas", codec.encode_batch, batch, faces=faces)


@pytest.mark.parametrize("faces", [1, 64])
def test_decode(benchmark, codec, canvas, faces):
    files = [one.data for one in codec.encode_batch(np.repeat(canvas[None], faces, 0))]
    face(benchmark, f"decode, {faces} file", codec.decode_batch, files, faces=faces)


@pytest.mark.parametrize("limit", [64, 192, 384])
def test_entropy_decoding(benchmark, codec, canvas, limit):
    (encoded,) = codec.encode_batch(canvas[None], max_bytes=limit)
    face(benchmark, f"entropy decoding, {limit} bytes", unpack, encoded.data, codec.model.tables)


@pytest.mark.parametrize("limit", [64, 192, 384])
def test_entropy_coding(benchmark, codec, canvas, limit):
    (encoded,) = codec.encode_batch(canvas[None], max_bytes=limit)
    tokens = codec.read_tokens(encoded.data)
    work = (pack, b"\0\0", codec.model.tables, *tokens)
    face(benchmark, f"entropy coding, {limit} bytes", *work)
