"""What a gallery costs, batched and one face at a time, and where the time goes.

    pytest benchmarks/bench_gallery.py --benchmark-only

On a machine that does other work as well, `--benchmark-timer=time.process_time` counts the time of
the processor alone. One thread, the way `stc encode-shards` works on every core.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from stc import Codec
from stc.batch import Encoder
from stc.bitstream import pack
from stc.imaging import frame

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


@pytest.fixture(scope="module")
def photo():
    with open(ASTRONAUT, "rb") as file:
        return file.read()


@pytest.fixture(scope="module")
def canvases():
    """Unlike each other, as tokens are to be: a face, moved a pixel further each time."""
    canvas = frame(ASTRONAUT)
    return np.stack([np.roll(canvas, shift, (0, 1)) for shift in range(FACES)])


def measure(benchmark, name, faces, work, rounds=3):
    benchmark.extra_info.update(gallery=name, faces=faces)
    return benchmark.pedantic(work, rounds=rounds, warmup_rounds=1)


def test_a_process_a_face(benchmark):
    words = [sys.executable, "-m", "stc", "encode", ASTRONAUT, "-q", "-o", os.devnull]
    measure(benchmark, "stc encode, a process a face", 1, lambda: subprocess.run(words, check=True))


@pytest.mark.parametrize("quality", [True, False])
@pytest.mark.parametrize("align", ["auto", "never"])
def test_one_at_a_time(benchmark, codec, photo, canvases, align, quality):
    pictures = [photo] * 8 if align == "auto" else canvases[:8]

    def work():
        for picture in pictures:
            canvas = frame(picture, align=align)
            (data,) = codec.encode_canvases(canvas[None], max_bytes=LIMIT)
            if quality:
                codec.likeness(canvas, codec.decode_canvases([data])[0])

    measure(benchmark, f"one at a time{said(align, quality)}", len(pictures), work)


@pytest.mark.parametrize("quality", [True, False])
@pytest.mark.parametrize("align", ["auto", "never"])
def test_batches(benchmark, photo, canvases, align, quality):
    pictures = [photo] * FACES if align == "auto" else list(canvases)
    encoder = Encoder(max_bytes=LIMIT, align=align, quality=quality)
    rows = measure(
        benchmark, f"Encoder{said(align, quality)}", FACES, lambda: encoder.encode(pictures)
    )
    assert {row.error for row in rows} == {""}


def said(align, quality):
    return f", {'photographs' if align == 'auto' else 'canvases'}{', quality' if quality else ''}"


@torch.inference_mode()
def test_stages(benchmark, codec, photo, canvases):
    """Each stage of a batch by itself; what is benchmarked as a whole is the sum of them."""
    benchmark.extra_info.update(stages=FACES)
    timer = benchmark._timer
    spent = {}

    def timed(name, work):
        start = timer()
        result = work()
        spent[name] = min(spent.get(name, float("inf")), timer() - start)
        return result

    def work():
        tokenizer, tables = codec.tokenizer, codec.tables
        timed("find and align", lambda: [frame(photo) for _ in range(FACES)])
        rgb = torch.from_numpy(canvases).permute(0, 3, 1, 2).float() / 255
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
        decoded = timed("decode, for the quality", lambda: codec.decode_canvases(files))
        timed("compare, for the quality", lambda: codec.likenesses(canvases, decoded))

    benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    benchmark.extra_info["spent"] = spent
