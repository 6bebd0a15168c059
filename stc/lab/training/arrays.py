"""Converts a trained model to the arrays of a model file; see conformance/model-file.md.

Matrices, codebooks and convolution kernels are stored in 8 bits unless they are packed, biases and
norms in 16 bits. stc/codec/torch/load.py is the inverse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stc.bitstream import Tables
from stc.codec.shapes import PACKED
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import Level, LevelTokenizer
from stc.codec.torch.upscaler import Upscaler
from stc.lab.training.packing import named, pack_metric, to_int8

Arrays = dict[str, npt.NDArray[Any]]


def to_arrays(
    tokenizer: LevelTokenizer,
    decoder: Decoder,
    tables: Tables,
    packed: Mapping[str, npt.NDArray[Any]] | None = None,
    upscaler: Upscaler | None = None,
) -> Arrays:
    """All arrays of a model; without an upscaler its pictures have 128 pixels.

    packed: packed arrays of the basis, of levels' synthesis matrices or codebooks, from
    stc/lab/training/packing.py, by their names in the file; they replace the tokenizer's matrices.
    Raises ValueError if their numbers of columns differ.
    """
    config = {
        "groups": tokenizer.groups,
        "levels": [list(shape[:4]) for shape in tokenizer.shapes],
        "widths": list(decoder.widths),
    }
    arrays: Arrays = {
        "config": np.frombuffer(json.dumps(config, sort_keys=True).encode(), np.uint8),
        "mean": tokenizer.mean.numpy().astype(np.float16),
        **_matrix("basis", tokenizer.basis, packed),
        **table_arrays(tables),
    }
    metrics: list[Tensor] = []
    for number, level in enumerate(tokenizer.levels):
        arrays |= _level_arrays(f"levels.{number}", level, packed)
        if level.factor.shape[1]:
            arrays |= _metric_arrays(f"encoder.levels.{number}", level, metrics)
    for number, factor in enumerate(metrics):
        arrays |= named(f"encoder.metrics.{number}", pack_metric(factor)[0])
    arrays |= _network_arrays("decoder", decoder)
    return arrays if upscaler is None else arrays | _network_arrays("upscaler", upscaler)


def _network_arrays(name: str, network: nn.Module) -> Arrays:
    arrays: Arrays = {}
    for own, value in network.state_dict().items():
        if value.ndim < 2:
            arrays[f"{name}.{own}"] = value.numpy().astype(np.float16)
        else:  # each output channel is a column with a scale
            arrays |= _matrix(f"{name}.{own}", value.movedim(0, -1))
    return arrays


def table_arrays(tables: Tables) -> Arrays:
    """The frequencies; in 16 bits, or in 32 for a single index, whose frequency is 2^16."""
    arrays: Arrays = {"groups.counts": tables.groups.astype(np.uint32)}
    for number, counts in enumerate(tables.levels):
        kind = np.uint16 if counts.shape[-1] > 1 else np.uint32
        arrays[f"levels.{number}.counts"] = counts.astype(kind)
    return arrays


def used_columns(level: Level) -> Tensor:
    """The indices, among the T * D padded latents, of those that any codeword uses, int64 [C]."""
    used = (level.codebooks.weight != 0).any(2).any(0)  # [T, D]
    return used.flatten().nonzero()[:, 0]


def _books(level: Level) -> Tensor:
    """Codewords without padding, [G, K, C]."""
    return level.codebooks.weight.transpose(1, 2).flatten(2)[..., used_columns(level)]


def _matrix(
    name: str, matrix: Tensor, packed: Mapping[str, npt.NDArray[Any]] | None = None
) -> Arrays:
    """The arrays of a matrix: those in `packed`, or the matrix in 8 bits."""
    if packed is not None and f"{name}.codes" in packed:
        words = {f"{name}.{word}" for word in PACKED}
        if len(packed[f"{name}.scale"]) != matrix.shape[-1]:
            raise ValueError(
                f"{name} has {matrix.shape[-1]} columns, packed: {len(packed[f'{name}.scale'])}"
            )
        return {word: packed[word] for word in sorted(words & packed.keys())}
    values, scale = to_int8(matrix.numpy())
    return {name: values, f"{name}.scale": scale}


def _level_arrays(name: str, level: Level, packed: Mapping[str, npt.NDArray[Any]] | None) -> Arrays:
    columns = used_columns(level)
    widths = torch.bincount(columns // level.dimensions, minlength=level.tokens)
    return {
        f"{name}.widths": widths.numpy().astype(np.uint8),
        **_matrix(f"{name}.codebooks", _books(level), packed),
        **_matrix(f"{name}.synthesis", level.synthesis[columns].T.contiguous(), packed),
        f"encoder.{name}.price": level.price.numpy().astype(np.float32).reshape(1),
    }


def _metric_arrays(name: str, level: Level, metrics: list[Tensor]) -> Arrays:
    """The index of a level's metric, and its weight; a new metric is appended to `metrics`."""
    same = [own for own, factor in enumerate(metrics) if torch.equal(factor, level.factor)]
    if not same:
        metrics.append(level.factor)
    return {
        f"{name}.metric": np.array([same[0] if same else len(metrics) - 1], np.uint8),
        f"{name}.identity": level.identity.numpy().astype(np.float32).reshape(1),
    }
