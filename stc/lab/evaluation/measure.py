"""Encodes, decodes and measures faces by codecs and judges, in chunks, with a cache.

The cache keeps the files of every chunk, and their metrics and embeddings, under digests of the
faces, the codec and the judge, so nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from stc.gallery.progress import hidden
from stc.gallery.workers import pool
from stc.imaging.similarity import psnr, ssim
from stc.lab.evaluation.base import Coded, FaceCodec, Faces
from stc.lab.evaluation.cache import Arrays, Cache, digest
from stc.lab.evaluation.codecs import open_codec
from stc.lab.evaluation.judges import Judge, open_judge
from stc.lab.evaluation.perceptual import lpips
from stc.settings import DEFAULT_EFFORT
from stc.threads import threads

CHUNK = 64  # faces; each worker of an interrupted run loses at most one chunk
ORIGINALS = "originals"


@dataclass(frozen=True)
class Setup:
    """The options of a measurement, equal for all faces and workers."""

    judges: tuple[str, ...]  # as on the command line: dlib, or NAME=FILE.onnx
    limits: tuple[int, ...]  # bytes
    cache: Path
    model: str | None = None
    lpips: Path | None = None
    bare: bool = False  # whether STC without header and checksum is measured too
    effort: int = DEFAULT_EFFORT  # of STC


@dataclass(frozen=True)
class Measured:
    """Measurements of N faces by one codec at one limit: arrays [N], and embeddings [N, D].

    For the originals, only the embeddings are present; the other arrays are empty or None.
    """

    sizes: npt.NDArray[np.int64]  # bytes
    failed: npt.NDArray[np.bool_]
    psnr: npt.NDArray[np.float64]  # dB
    ssim: npt.NDArray[np.float64]
    lpips: npt.NDArray[np.float64] | None
    quality: npt.NDArray[np.float64] | None  # STC's own estimate; None for other codecs
    embeddings: dict[str, npt.NDArray[np.float32]]  # by the judge's name


def measure(setup: Setup, faces: Faces, codecs: Sequence[str], workers: int | None = None) -> None:
    """Measure all faces [N, 128, 128, 3] by all codecs, and the originals, into the cache.

    workers: the number of processes, of one thread each; None for the number of cores; with 1 no
    process is started.
    """
    for name in codecs:
        _codec(name, setup)  # computes its key, a digest of the code, before the code may change
    jobs = [
        (name, faces[start : start + CHUNK])
        for name in (ORIGINALS, *codecs)
        for start in range(0, len(faces), CHUNK)
    ]
    total = sum(len(chunk) for _, chunk in jobs)
    with tqdm(total=total, desc="faces, by all codecs", unit="face", disable=hidden()) as bar:
        for count in _work_through(setup, jobs, workers or threads()):
            bar.update(count)


def _work_through(setup: Setup, jobs: Sequence[tuple[str, Faces]], workers: int) -> Iterator[int]:
    if workers == 1:
        for name, chunk in jobs:
            yield measure_chunk(setup, name, chunk)
        return
    with pool(workers) as processes:
        waiting = [processes.submit(measure_chunk, setup, name, chunk) for name, chunk in jobs]
        try:
            for job in as_completed(waiting):
                yield job.result()
        finally:
            for job in waiting:
                job.cancel()


def measure_chunk(setup: Setup, name: str, faces: Faces) -> int:
    """Measure a chunk by one codec, except what is in the cache; returns the number of faces."""
    place = digest(faces.tobytes())
    cache = Cache(setup.cache)
    if name == ORIGINALS:
        _embed(cache, setup, faces, cache.read(place, ORIGINALS), (place, ORIGINALS))
        return len(faces)
    codec = _codec(name, setup)
    for limit, coded in _coded(cache, codec, setup.limits, faces, place).items():
        for variant, row in coded.items():
            key = _key(place, codec, variant, limit)
            known = cache.read(*key)
            if not known.keys() >= _wanted(setup):
                _judge(cache, setup, faces, codec, row, known, key)
    return len(faces)


def collect(setup: Setup, faces: Faces, name: str, variant: str, limit: int) -> Measured:
    """Read from the cache what `measure` stored of all faces, by one variant at one limit.

    faces: as for `measure`. For the originals, name and variant are ORIGINALS, and limit is 0.
    """
    parts = []
    cache = Cache(setup.cache)
    for start in range(0, len(faces), CHUNK):
        place = digest(faces[start : start + CHUNK].tobytes())
        codec = None if name == ORIGINALS else _codec(name, setup)
        key = (place, ORIGINALS) if codec is None else _key(place, codec, variant, limit)
        parts.append(cache.read(*key))
    whole = {field: np.concatenate([part[field] for part in parts]) for field in parts[0]}
    nothing = np.zeros(0)
    quality = whole.get("quality", nothing)
    return Measured(
        sizes=whole.get("sizes", nothing),
        failed=whole.get("failed", nothing),
        psnr=whole.get("psnr", nothing),
        ssim=whole.get("ssim", nothing),
        lpips=whole.get(_lpips_field(setup)),
        quality=None if np.isnan(quality).all() else quality,
        embeddings={_judge_of(text).name: whole[_judge_of(text).key] for text in setup.judges},
    )


def variants(setup: Setup, name: str) -> tuple[str, ...]:
    """The names of a codec's rows in the results."""
    return _codec(name, setup).variants


def files(setup: Setup, faces: Faces, name: str, limit: int) -> list[bytes]:
    """The files of all faces by the first variant of a codec, from the cache where possible."""
    codec, cache, found = _codec(name, setup), Cache(setup.cache), []
    for start in range(0, len(faces), CHUNK):
        chunk = faces[start : start + CHUNK]
        coded = _coded(cache, codec, [limit], chunk, digest(chunk.tobytes()))
        found += [one.data for one in coded[limit][codec.variants[0]]]
    return found


def decoded(setup: Setup, faces: Faces, name: str, limits: Iterable[int]) -> dict[int, Faces]:
    """Faces encoded and decoded by the first variant of a codec, by limit; without the cache."""
    codec = _codec(name, setup)
    limits = tuple(limits)
    rows = codec.encode(faces, limits)[codec.variants[0]]
    return {
        limit: codec.decode([coded.data for coded in row])
        for limit, row in zip(limits, rows, strict=True)
    }


def _coded(
    cache: Cache, codec: FaceCodec, limits: Sequence[int], faces: Faces, place: str
) -> dict[int, dict[str, list[Coded]]]:
    """The files of a chunk by limit and variant.

    All limits that are not in the cache are encoded in one call, since codecs can share work among
    them; each limit has its own cache entry.
    """
    found: dict[int, dict[str, list[Coded]]] = {}
    for limit in limits:
        kept = cache.read(place, codec.key, "coded", str(limit))
        if kept.keys() >= set(codec.variants):
            found[limit] = {v: _unpacked(kept, v) for v in codec.variants}
    missing = [limit for limit in limits if limit not in found]
    if missing:
        coded = codec.encode(faces, missing)
        for i, limit in enumerate(missing):
            found[limit] = {variant: coded[variant][i] for variant in codec.variants}
            arrays: Arrays = {}
            for variant, row in found[limit].items():
                arrays |= _packed(row, variant)
            cache.write(arrays, place, codec.key, "coded", str(limit))
    return found


def _packed(row: Sequence[Coded], variant: str) -> Arrays:
    """A chunk's files as arrays: their concatenated bytes, and the other fields of `Coded`."""
    return {
        variant: np.frombuffer(b"".join(coded.data for coded in row), np.uint8),
        f"{variant} rows": np.array([(len(own.data), own.size, own.failed) for own in row]),
        f"{variant} quality": np.array([own.quality for own in row]),
    }


def _unpacked(arrays: Arrays, variant: str) -> list[Coded]:
    """The inverse of `_packed`."""
    found, place, files = [], 0, arrays[variant].tobytes()
    rows, qualities = arrays[f"{variant} rows"].tolist(), arrays[f"{variant} quality"].tolist()
    for (length, size, failed), quality in zip(rows, qualities, strict=True):
        found.append(Coded(files[place : place + length], size, bool(failed), quality))
        place += length
    return found


def _judge(
    cache: Cache,
    setup: Setup,
    faces: Faces,
    codec: FaceCodec,
    row: Sequence[Coded],
    known: Arrays,
    key: tuple[str, ...],
) -> None:
    """Compute the measurements of a chunk that `known` lacks, and store them in the cache."""
    pictures = codec.decode([coded.data for coded in row])
    if "psnr" not in known:
        known["sizes"] = np.array([coded.size for coded in row])
        known["failed"] = np.array([coded.failed for coded in row])
        known["quality"] = np.array([coded.quality for coded in row])
        known["psnr"] = psnr(faces, pictures)
        known["ssim"] = ssim(faces, pictures)
    if setup.lpips is not None and _lpips_field(setup) not in known:
        known[_lpips_field(setup)] = lpips(faces, pictures, setup.lpips)
    _embed(cache, setup, pictures, known, key)


def _embed(
    cache: Cache, setup: Setup, pictures: Faces, known: Arrays, key: tuple[str, ...]
) -> None:
    judges = [_judge_of(text) for text in setup.judges]
    for judge in judges:
        if judge.key not in known:
            known[judge.key] = judge.embed(pictures)
    cache.write(known, *key)


def _wanted(setup: Setup) -> set[str]:
    """The keys of a complete cache entry of a chunk at one limit."""
    wanted = {"psnr", *(_judge_of(text).key for text in setup.judges)}
    if setup.lpips is not None:
        wanted.add(_lpips_field(setup))
    return wanted


def _key(place: str, codec: FaceCodec, variant: str, limit: int) -> tuple[str, ...]:
    return (place, codec.key, variant, str(limit))


@lru_cache(maxsize=1)
def _lpips_digest(weights: Path) -> str:
    return f"lpips {digest(weights.read_bytes())}"


def _lpips_field(setup: Setup) -> str:
    return "" if setup.lpips is None else _lpips_digest(setup.lpips)


@lru_cache(maxsize=8)
def _open_codec(name: str, model: str | None, bare: bool, effort: int) -> FaceCodec:
    return open_codec(name, model, bare, effort)


def _codec(name: str, setup: Setup) -> FaceCodec:
    return _open_codec(name, setup.model, setup.bare, setup.effort)


@lru_cache(maxsize=8)
def _judge_of(text: str) -> Judge:
    return open_judge(text)
