"""Counting of the probability tables, and the model file at the end of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from stc.bitstream import Tables
from stc.codec.model_file import ModelFile, save_model
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.load import load_modules
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.gallery.progress import hidden
from stc.lab.training.arrays import Arrays, to_arrays
from stc.lab.training.covariance import plane_covariance, rest_covariances
from stc.lab.training.data import to_tensors
from stc.lab.training.packing import level_bits, pack_curved, pack_mirrored

MIN_FACES = 1000  # of fewer, covariances say too little to round a matrix by
MAX_FACES = 4096  # that covariances are taken of

Indices = npt.NDArray[np.int64]


@torch.inference_mode()
def tokens_of(
    tokenizer: LevelTokenizer, faces: npt.NDArray[np.uint8]
) -> tuple[Indices, Indices, Indices]:
    """Groups [2N], indices [2N, T] and token counts [2N] of faces [N, 128, 128, 4] and mirrors.

    A file's size decides how its tokens are refined, so half of the faces stop at the end of some
    level; what comes after its count is not what a file would hold.
    """
    generator = torch.Generator().manual_seed(0)
    kept: list[tuple[Tensor, ...]] = []
    for mirrored in (False, True):
        for start in tqdm(range(0, len(faces), 256), desc="tokens", disable=hidden()):
            rgb, _ = to_tensors(faces[start : start + 256])
            components = tokenizer.analyse(rgb.flip(3) if mirrored else rgb)
            groups, indices = tokenizer.encode(components)
            ends = torch.tensor(tokenizer.level_sizes).cumsum(0)
            stops = torch.randint(2 * len(ends), (len(rgb),), generator=generator)
            counts = ends[stops.clamp_max(len(ends) - 1)]
            kept.append((groups, tokenizer.refine(components, groups, indices, counts), counts))
    first, second, third = (torch.cat(field).numpy() for field in zip(*kept, strict=True))
    return first, second, third


def count_tokens(
    tokenizer: LevelTokenizer,
    groups: Indices,
    indices: Indices,
    counts: Indices,
    weights: Indices,
) -> Tables:
    """Tables from how often images [N] use codewords, each counted weights [N] times.

    groups [N], indices [N, T], of which the first counts [N] are looked at.
    """
    used = np.bincount(groups, weights, minlength=tokenizer.groups).astype(np.int64)
    weight = (np.arange(indices.shape[1]) < counts[:, None]) * weights[:, None]
    levels = [np.zeros(tuple(level.bits.shape), np.int64) for level in tokenizer.levels]
    ends = np.cumsum(tokenizer.level_sizes)[:-1]
    parts = zip(levels, np.split(indices, ends, 1), np.split(weight, ends, 1), strict=True)
    for table, own, mass in parts:
        np.add.at(table, (groups[:, None], np.arange(own.shape[1]), own), mass)
    return Tables.from_counts(used, levels)


def export(
    path: Path,
    name: str,
    tokenizer: LevelTokenizer,
    decoder: Decoder,
    faces: npt.NDArray[np.uint8],
    repeats: npt.NDArray[np.int64],
) -> ModelFile:
    """Write the model file; the tables are counted on the weights as stored.

    faces [N, 128, 128, 4] must fill the canvas, as photographs do: filled borders are tamer than
    real hair and backgrounds, and tables counted on them make a photograph's tokens cost more
    than 8 bits. Each counts repeats [N] times. The encoder's matrices are packed if there are
    enough faces to do it by, `MIN_FACES`; else they take 8 bits a number.
    """
    flat = Tables.from_counts(
        np.ones(tokenizer.groups, np.int64),
        [np.ones(tuple(level.bits.shape), np.int64) for level in tokenizer.levels],
    )
    arrays = to_arrays(tokenizer, decoder, flat)
    # The fit's own estimate of the bits steers the search while the final tables are counted.
    estimate = [level.bits.clone() for level in tokenizer.levels]
    draft = path.with_name(f"{path.name}.draft")
    try:
        stored = _stored(draft, arrays, estimate)
        if len(faces) >= MIN_FACES:
            arrays = pack_encoder(arrays, stored, faces[:: -(-len(faces) // MAX_FACES)])
            stored = _stored(draft, arrays, estimate)
    finally:
        draft.unlink(missing_ok=True)
    tables = count_tokens(stored, *tokens_of(stored, faces), np.tile(repeats, 2))
    arrays["groups.counts"] = tables.groups.astype(np.uint32)
    for number, counts in enumerate(tables.levels):
        arrays[f"levels.{number}.counts"] = counts.astype(np.uint32)
    return save_model(path, name, arrays)


def _stored(path: Path, arrays: Arrays, bits: list[Tensor]) -> LevelTokenizer:
    """The tokeniser as it comes back from a file, with other bits for its codewords."""
    tokenizer, _ = load_modules(save_model(path, "draft", arrays))
    for level, own in zip(tokenizer.levels, bits, strict=True):
        level.bits.copy_(own)
    return tokenizer


def pack_encoder(arrays: Arrays, tokenizer: LevelTokenizer, faces: npt.NDArray[np.uint8]) -> Arrays:
    """The arrays of a model with the encoder's matrices in fewer bits than 8.

    tokenizer: the same model, to see by faces [N, 128, 128, 4] what its matrices are used on.
    """
    packed, name = dict(arrays), "encoder.analysis"
    analysis = packed.pop(name).astype(np.float32) * packed.pop(f"{name}.scale").astype(np.float32)
    words = pack_mirrored(
        torch.from_numpy(analysis),
        arrays["basis"],
        arrays["basis.scale"],
        plane_covariance(tokenizer, faces),
    )
    packed |= {f"{name}.{word}": array for word, array in words.items()}
    first = 0
    for number, covariance in enumerate(rest_covariances(tokenizer, faces)):
        bits, name = level_bits(first), f"encoder.levels.{number}.analysis"
        first += tokenizer.level_sizes[number]
        if bits < 8:
            words = pack_curved(packed.pop(name), covariance, bits)
            packed |= {f"{name}.{word}": array for word, array in words.items()}
    return packed
