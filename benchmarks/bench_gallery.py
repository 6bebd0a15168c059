"""What a gallery costs, batched and one face at a time, and where the time goes.

    pytest benchmarks/bench_gallery.py --benchmark-only

On a machine that does other work as well, `--benchmark-timer=time.process_time` counts the time of
the processor alone. One thread, the way `stc encode-shards` works on every core.
"""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from stc import Codec
from stc.gallery.batch import Encoder
from stc.bitstream import pack
from stc.imaging import frame
from stc.imaging.alignment import align
from stc.imaging.detection import find_faces
from stc.imaging.reading import load_image

ASTRONAUT = "tests/assets/astronaut.png"
FACES = 64
LIMIT = 192


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def codec():
    return Codec()


def photograph(side):
    """The astronaut as a JPEG of side x side pixels."""
    with Image.open(ASTRONAUT) as picture:
        large = picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=90)
    return file.getvalue()


def canvases():
    """Unlike each other, as tokens are to be: a face, moved a pixel further each time."""
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
    measure(benchmark, "stc encode, a process a face", 1, lambda: subprocess.run(words, check=True))


@pytest.mark.parametrize("kind", PICTURES)
def test_one_at_a_time(benchmark, codec, kind):
    how = "never" if kind == "canvases" else "auto"
    pictures = PICTURES[kind]()[:8]

    def work():
        for picture in pictures:
            canvas = frame(picture, align=how)[None]
            codec.qualities(canvas, codec.encode_canvases(canvas, max_bytes=LIMIT))

    measure(benchmark, f"one at a time, {kind}", len(pictures), work)


@pytest.mark.parametrize("kind", PICTURES)
def test_batches(benchmark, kind):
    encoder = Encoder(max_bytes=LIMIT, align="never" if kind == "canvases" else "auto")
    pictures = PICTURES[kind]()
    rows = measure(benchmark, f"Encoder, {kind}", FACES, lambda: encoder.encode(pictures))
    assert {row.error for row in rows} == {""}


@torch.inference_mode()
def test_stages(benchmark, codec):
    """Each stage of a batch by itself; what is benchmarked as a whole is the sum of them."""
    benchmark.extra_info.update(stages=FACES)
    photo, faces = photograph(320), canvases()
    timer = benchmark._timer
    spent = {}

    def timed(name, work):
        start = timer()
        result = work()
        spent[name] = min(spent.get(name, float("inf")), timer() - start)
        return result

    def work():
        tokenizer, tables = codec.tokenizer, codec.tables
        images = timed("read a JPEG of 320 px", lambda: [load_image(photo) for _ in faces])
        found = timed("find the face", lambda: [find_faces(image)[0] for image in images])
        timed("align it", lambda: [align(images[0], face.landmarks) for face in found])
        rgb = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
        components = timed("components", lambda: tokenizer.analyse(rgb))
        groups, indices = timed("tokens", lambda: tokenizer.encode(components))
        most = torch.full_like(groups, tokenizer.tokens)
        counts = timed("fit", lambda: codec._fitting(groups, indices, most, LIMIT, False))
        refined = timed("refine", lambda: tokenizer.refine(components, groups, indices, counts))
        final = timed("fit again", lambda: codec._fitting(groups, refined, counts, LIMIT, False))
        files = timed(
            "pack",
            lambda: [
                pack(bytes.fromhex(codec.model.fingerprint)[:2], tables, group, own[:count])
                for group, own, count in zip(
                    groups.tolist(), refined.numpy(), final.tolist(), strict=True
                )
            ],
        )
        timed("quality", lambda: codec.qualities(faces, files))

    benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    benchmark.extra_info["spent"] = spent
