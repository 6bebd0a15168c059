"""Counting of the probability tables, and the model file at the end of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from stc.bitstream import Tables
from stc.codec.decoder import Decoder
from stc.codec.export import from_arrays, to_arrays
from stc.codec.model_file import ModelFile, save_model
from stc.codec.tokenizer import LevelTokenizer


def whole_views(
    faces: npt.NDArray[np.uint8], components: npt.NDArray[np.float16]
) -> npt.NDArray[np.float16]:
    """Components [M, Z] of the faces, and their mirrors, that fill the canvas as photographs do.

    Filled borders are tamer than real hair and backgrounds: tables counted on them make the
    tokens of a photograph cost more than 8 bits.
    """
    seen = [(part[..., 3] > 127).mean((1, 2)) for part in np.array_split(faces, 64)]
    rows = np.concatenate(seen) > 0.97
    return components[:, rows].reshape(-1, components.shape[2])


@torch.inference_mode()
def count_tokens(tokenizer: LevelTokenizer, components: npt.NDArray[np.float16]) -> Tables:
    """Tables from how often components [N, Z] use every codeword."""
    groups = np.zeros(tokenizer.groups, np.int64)
    levels = [np.zeros(tuple(level.bits.shape), np.int64) for level in tokenizer.levels]
    ends = np.cumsum(tokenizer.level_sizes)[:-1]
    for start in tqdm(range(0, len(components), 256), desc="counting"):
        part = torch.from_numpy(components[start : start + 256]).float()
        group, indices = (x.numpy() for x in tokenizer.encode(part))
        np.add.at(groups, group, 1)
        for counts, own in zip(levels, np.split(indices, ends, 1), strict=True):
            np.add.at(counts, (group[:, None], np.arange(own.shape[1]), own), 1)
    return Tables.from_counts(groups, levels)


def export(
    path: Path,
    name: str,
    tokenizer: LevelTokenizer,
    decoder: Decoder,
    components: npt.NDArray[np.float16],
) -> ModelFile:
    """Write the model file; the tables are counted on the weights as stored, in 8 bits."""
    flat = Tables.from_counts(
        np.ones(tokenizer.groups, np.int64),
        [np.ones(tuple(level.bits.shape), np.int64) for level in tokenizer.levels],
    )
    # The fit's own estimate of the bits steers the search while the final tables are counted.
    estimate = [level.bits.clone() for level in tokenizer.levels]
    stored, _ = from_arrays(to_arrays(tokenizer, decoder, flat))
    for level, bits in zip(stored.levels, estimate, strict=True):
        level.bits.copy_(bits)
    tables = count_tokens(stored, components)
    return save_model(path, name, to_arrays(tokenizer, decoder, tables))
