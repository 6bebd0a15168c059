"""Counts the probability tables (PMFs) of a trained tokenizer, and writes the model file."""

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
from stc.codec.torch.upscaler import Upscaler
from stc.gallery.progress import hidden
from stc.lab.training.arrays import Arrays, table_arrays, to_arrays
from stc.lab.training.data import to_tensors

Indices = npt.NDArray[np.int64]


@torch.inference_mode()
def tokens_of(
    tokenizer: LevelTokenizer, faces: npt.NDArray[np.uint8]
) -> tuple[Indices, Indices, Indices]:
    """Groups [2N], indices [2N, T] and token counts [2N] of faces and their mirror images.

    faces: uint8 [N, 128, 128, 4]. The number of tokens in a file affects how they are refined, so
    about half of the faces end at a random level; indices after a face's count are invalid.
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
    """Tables from the frequencies of groups [N] and indices [N, T] of N images.

    counts [N]: the number of valid indices of each image; weights [N]: how often it counts.
    """
    used = np.bincount(groups, weights, minlength=tokenizer.groups).astype(np.int64)
    weight = (np.arange(indices.shape[1]) < counts[:, None]) * weights[:, None]
    levels = [np.zeros(tuple(level.bits.shape), np.int64) for level in tokenizer.levels]
    ends = np.cumsum(tokenizer.level_sizes)[:-1]
    parts = zip(levels, np.split(indices, ends, 1), np.split(weight, ends, 1), strict=True)
    for table, own, mass in parts:
        group = groups if len(table) > 1 else np.zeros_like(groups)  # a codebook for all groups
        np.add.at(table, (group[:, None], np.arange(own.shape[1]), own), mass)
    return Tables.from_counts(used, levels)


def export(
    path: Path,
    name: str,
    tokenizer: LevelTokenizer,
    decoder: Decoder,
    faces: npt.NDArray[np.uint8],
    repeats: npt.NDArray[np.int64],
    packed: Arrays | None = None,
    upscaler: Upscaler | None = None,
) -> ModelFile:
    """Write a model file; the tables are counted with the weights as they are stored.

    faces [N, 128, 128, 4], each counted repeats [N] times, must fill the canvas: filled borders
    have less variance than real hair and backgrounds, and with tables counted on them a
    photograph's tokens need more than 8 bits each. packed: matrices that `fit` has packed, see
    `to_arrays`; all others are stored in 8 bits.
    """
    flat = Tables.from_counts(
        np.ones(tokenizer.groups, np.int64),
        [np.ones(tuple(level.bits.shape), np.int64) for level in tokenizer.levels],
    )
    arrays = to_arrays(tokenizer, decoder, flat, packed, upscaler)
    draft = path.with_name(f"{path.name}.draft")
    try:
        stored, _ = load_modules(save_model(draft, "draft", arrays))
    finally:
        draft.unlink(missing_ok=True)
    # While the final tables are counted, the search uses the bits that the fit has estimated.
    stored.group_bits.copy_(tokenizer.group_bits)
    for level, estimate in zip(stored.levels, tokenizer.levels, strict=True):
        level.bits.copy_(estimate.bits)
    tables = count_tokens(stored, *tokens_of(stored, faces), np.tile(repeats, 2))
    return save_model(path, name, {**arrays, **table_arrays(tables)})
