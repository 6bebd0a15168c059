"""Tokeniser, decoder and tables -> the arrays of a model file, as docs/model-file.md names them.

Matrices, codebooks and the kernels of the decoder are stored in 8 bits, its biases and norms in 16.
stc/codec/torch/load.py is the way back.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from stc.bitstream import Tables
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import Level, LevelTokenizer

Arrays = dict[str, npt.NDArray[Any]]


def to_arrays(tokenizer: LevelTokenizer, decoder: Decoder, tables: Tables) -> Arrays:
    """All that a model is, the encoder's matrices in 8 bits like the decoder's."""
    shapes = [
        [level.components, level.tokens, level.bits.shape[2], level.dimensions]
        for level in tokenizer.levels
    ]
    config = {"groups": tokenizer.groups, "levels": shapes, "widths": list(decoder.widths)}
    arrays: Arrays = {
        "config": np.frombuffer(json.dumps(config, sort_keys=True).encode(), np.uint8),
        "groups.counts": tables.groups.astype(np.uint32),
        "mean": tokenizer.mean.numpy().astype(np.float16),
        **_matrix("basis", tokenizer.basis),
        **_matrix("encoder.analysis", tokenizer.analysis),
    }
    for number, level in enumerate(tokenizer.levels):
        arrays |= _level_arrays(f"levels.{number}", level)
        arrays[f"levels.{number}.counts"] = tables.levels[number].astype(np.uint32)
    for name, value in decoder.state_dict().items():
        if value.ndim < 2:
            arrays[f"decoder.{name}"] = value.numpy().astype(np.float16)
        else:  # outputs come last, with a scale each
            arrays |= _matrix(f"decoder.{name}", value.movedim(0, -1))
    return arrays


def to_int8(matrix: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[Any]]:
    """float32 [..., C] -> int8 [..., C] and one float16 scale a column [C]."""
    largest = np.abs(matrix.reshape(-1, matrix.shape[-1])).max(0)
    scale = np.maximum(largest / 127, 1e-7).astype(np.float16)
    quantised = np.round(matrix / scale.astype(np.float32))
    return np.clip(quantised, -127, 127).astype(np.int8), scale


def _matrix(name: str, matrix: Tensor) -> Arrays:
    values, scale = to_int8(matrix.numpy())
    return {name: values, f"{name}.scale": scale}


def _level_arrays(name: str, level: Level) -> Arrays:
    """Of the padded latents only those that some codeword uses are stored."""
    used = (level.codebooks.weight != 0).any(2).any(0)  # [T, D]
    columns = used.flatten().nonzero()[:, 0]
    books = level.codebooks.weight.transpose(1, 2).flatten(2)[..., columns]  # [G, K, used]
    return {
        f"{name}.widths": used.sum(1).numpy().astype(np.uint8),
        **_matrix(f"{name}.codebooks", books),
        **_matrix(f"{name}.synthesis", level.synthesis[columns].T.contiguous()),
        **_matrix(f"encoder.{name}.analysis", level.analysis[:, columns]),
        f"encoder.{name}.price": level.price.numpy().astype(np.float32).reshape(1),
    }
