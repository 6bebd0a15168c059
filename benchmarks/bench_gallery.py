"""Time of encoding a gallery, in batches and one face at a time, and of each stage.

    pytest benchmarks/bench_gallery.py --benchmark-only
    pytest benchmarks/bench_gallery.py --benchmark-only -k efforts

All benchmarks but those of efforts are at effort 0, whose time is a part of every other effort's.

One thread, as in each process of `stc encode-shards`. `--benchmark-timer=time.process_time`
measures processor time, for busy machines.
"""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from stc.api import encode_pictures
from stc.codec.codec import Codec
from stc.codec.limit import Limit
from stc.gallery.batch import Encoder
from stc.imaging import frame
from stc.imaging.alignment import align
from stc.imaging.detection import find_faces
from stc.imaging.reading import load_image
from stc.settings import Settings

ASTRONAUT = "tests/assets/astronaut.png"
FACES = 64
MAX_BYTES = 192


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("STC_THREADS", "1")


def photograph(side):
    """The astronaut as a JPEG of side x side pixels."""
    with Image.open(ASTRONAUT) as picture:
        large = picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=90)
    return file.getvalue()


def canvases():
    """Canvases with different tokens: a face, moved by one more pixel each."""
    canvas = frame(ASTRONAUT)
    return np.stack([np.roll(canvas, shift, (0, 1)) for shift in range(FACES)])


PICTURES = {
    "canvases": lambda: list(canvases()),
    "photographs of 320 px": lambda: [photograph(320)] * FACES,
    "photographs of 1000 px": lambda: [photograph(1000)] * FACES,
}


def measure(benchmark, name, faces, work):
    benchmark.extra_info.update(gallery=name, faces=faces)
    return benchmark.pedantic(work, rounds=3, warmup_rounds=1)


def test_a_process_a_face(benchmark):
    words = [sys.executable, "-m", "stc", "encode", ASTRONAUT, "-q", "-o", os.devnull]
    words += ["--effort", "0"]
    measure(benchmark, "stc encode, a process a face", 1, lambda: subprocess.run(words, check=True))


@pytest.mark.parametrize("kind", PICTURES)
def test_one_at_a_time(benchmark, kind):
    align = "never" if kind == "canvases" else "auto"
    settings = Settings(max_bytes=MAX_BYTES, align=align, effort=0)
    pictures = PICTURES[kind]()[:8]

    def work():
        for picture in pictures:
            encode_pictures([picture], settings)

    measure(benchmark, f"one at a time, {kind}", len(pictures), work)


@pytest.mark.parametrize("kind", PICTURES)
def test_batches(benchmark, kind):
    align = "never" if kind == "canvases" else "auto"
    encoder = Encoder(max_bytes=MAX_BYTES, align=align, effort=0)
    pictures = PICTURES[kind]()
    rows = measure(benchmark, f"Encoder, {kind}", FACES, lambda: encoder.encode(pictures))
    assert {row.error for row in rows} == {None}


@pytest.mark.parametrize("effort", [0, 1, 2, 3, 5, 7, 9])
def test_efforts(benchmark, effort):
    encoder = Encoder(max_bytes=MAX_BYTES, align="never", effort=effort)
    pictures = list(canvases()[:8])
    measure(benchmark, f"canvases at effort {effort}", 8, lambda: encoder.encode(pictures))


def test_stages(benchmark):
    """Time the stages of a batch separately; the benchmark's time is their sum."""
    benchmark.extra_info.update(stages=FACES)
    photo, faces = photograph(320), canvases()
    codec = Codec()
    limit = Limit.of(codec.model.tables, Settings(max_bytes=MAX_BYTES))
    timer = benchmark._timer
    spent = {}

    def timed(name, work):
        start = timer()
        result = work()
        spent[name] = min(spent.get(name, float("inf")), timer() - start)
        return result

    def work():
        images = timed("read a JPEG of 320 px", lambda: [load_image(photo) for _ in faces])
        found = timed("find the face", lambda: [find_faces(image)[0] for image in images])
        timed("align it", lambda: [align(images[0], face.landmarks) for face in found])
        tokenizer = codec._engine._tokenizer
        components = timed("components", lambda: tokenizer.analyse(faces))
        tokens = timed("tokens", lambda: tokenizer.encode(components, limit))
        timed("coding", lambda: [codec._packed(*tokens.face(n), limit) for n in range(FACES)])
        timed("quality", lambda: codec._engine.quality(components, tokens))

    benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    benchmark.extra_info["spent"] = spent
