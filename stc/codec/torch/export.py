"""Tokeniser, decoder and tables <-> the arrays of a model file.

Matrices, codebooks and the kernels of the decoder are stored in 8 bits, its biases and norms in 16.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.bitstream import Tables
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import Level, LevelTokenizer

Arrays = dict[str, npt.NDArray[Any]]


def to_arrays(tokenizer: LevelTokenizer, decoder: Decoder, tables: Tables) -> Arrays:
    """All that a model is, ready for `save_model`; its shapes as JSON, in an array of bytes."""
    arrays: Arrays = {"mean": tokenizer.mean.numpy().astype(np.float16)}
    arrays["basis"], arrays["basis.scale"] = to_int8(tokenizer.basis.numpy())
    if not torch.equal(tokenizer.analysis, tokenizer.basis):
        arrays["analysis"], arrays["analysis.scale"] = to_int8(tokenizer.analysis.numpy())
    arrays["group_counts"] = tables.groups
    shapes = []
    for number, level in enumerate(tokenizer.levels):
        shapes.append([level.components, level.tokens, level.bits.shape[2], level.dimensions])
        for name, array in _level_arrays(level).items():
            arrays[f"levels.{number}.{name}"] = array
        arrays[f"levels.{number}.counts"] = tables.levels[number]
    config = {"groups": tokenizer.groups, "levels": shapes, "widths": list(decoder.widths)}
    arrays |= _decoder_arrays(decoder)
    arrays["config"] = np.frombuffer(json.dumps(config, sort_keys=True).encode(), np.uint8)
    return arrays


def from_arrays(arrays: Arrays) -> tuple[LevelTokenizer, Decoder]:
    """The modules of a model file, in evaluation mode and frozen."""
    config = json.loads(arrays["config"].tobytes())
    basis = torch.from_numpy(from_int8(arrays["basis"], arrays["basis.scale"]))
    shapes = [tuple(shape) for shape in config["levels"]]
    tokenizer = LevelTokenizer(basis.shape[1], config["groups"], shapes)
    tokenizer.basis.copy_(basis)
    if "analysis" in arrays:  # where a recogniser had a say in what is kept of a face
        analysis = torch.from_numpy(from_int8(arrays["analysis"], arrays["analysis.scale"]))
        tokenizer.analysis.copy_(analysis)
    else:
        tokenizer.analysis = tokenizer.basis
    tokenizer.mean.copy_(torch.from_numpy(arrays["mean"].astype(np.float32)))
    for number, level in enumerate(tokenizer.levels):
        prefix = f"levels.{number}."
        own = {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}
        _load_level(level, own)
    decoder = Decoder(tuple(config["widths"]))
    _load_decoder(decoder, arrays)
    return tokenizer.eval().requires_grad_(False), decoder.eval().requires_grad_(False)


def to_int8(matrix: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[Any]]:
    """float32 [..., C] -> int8 [..., C] and one float16 scale a column [C]."""
    flat = np.abs(matrix.reshape(-1, matrix.shape[-1])).max(0)
    scale = np.maximum(flat / 127, 1e-7).astype(np.float16)
    quantised = np.round(matrix / scale.astype(np.float32))
    return np.clip(quantised, -127, 127).astype(np.int8), scale


def from_int8(quantised: npt.NDArray[np.int8], scale: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The inverse of `to_int8`."""
    return quantised.astype(np.float32) * scale.astype(np.float32)


def _decoder_arrays(decoder: Decoder) -> Arrays:
    """Kernels [out, ...] in 8 bits with a scale an output, the rest in 16."""
    arrays: Arrays = {}
    for name, value in decoder.state_dict().items():
        array, key = value.numpy(), f"decoder.{name}"
        if array.ndim < 2:
            arrays[key] = array.astype(np.float16)
        else:
            arrays[key], arrays[f"{key}.scale"] = to_int8(np.moveaxis(array, 0, -1))
    return arrays


def _load_decoder(decoder: Decoder, arrays: Arrays) -> None:
    state = {}
    for name in decoder.state_dict():
        key = f"decoder.{name}"
        array = arrays[key]
        if array.dtype == np.int8:  # early models hold everything in 16 bits
            array = np.moveaxis(from_int8(array, arrays[f"{key}.scale"]), -1, 0)
        state[name] = torch.from_numpy(np.ascontiguousarray(array, np.float32))
    decoder.load_state_dict(state)


def _used(level: Level) -> tuple[Tensor, Tensor]:
    """Columns of the padded latents that some codeword uses, and how many each token has."""
    used = (level.codebooks.weight != 0).any(2).any(0)  # [T, D]
    return used.flatten().nonzero()[:, 0], used.sum(1)


def _level_arrays(level: Level) -> Arrays:
    columns, widths = _used(level)
    codebooks = level.codebooks.weight.transpose(1, 2).flatten(2)[..., columns]  # [G, K, used]
    arrays: Arrays = {
        "widths": widths.numpy().astype(np.uint8),
        "price": level.price.numpy().astype(np.float32).reshape(1),
    }
    arrays["codebooks"], arrays["codebooks.scale"] = to_int8(codebooks.numpy())
    analysis = level.analysis[:, columns]
    picked = analysis.argmax(0)
    one_hot = torch.nn.functional.one_hot(picked, level.components).T.float()
    if torch.equal(analysis, one_hot):  # a level in the metric of pixels: no rotation to store
        arrays["axes"] = picked.numpy().astype(np.uint16)
    else:
        arrays["analysis"], arrays["analysis.scale"] = to_int8(analysis.numpy())
        synthesis = level.synthesis[columns].T.contiguous()
        arrays["synthesis"], arrays["synthesis.scale"] = to_int8(synthesis.numpy())
    return arrays


def _load_level(level: Level, arrays: Arrays) -> None:
    widths = torch.from_numpy(arrays["widths"].astype(np.int64))
    columns = (torch.arange(level.dimensions) < widths[:, None]).flatten().nonzero()[:, 0]
    if "axes" in arrays:
        axes = torch.from_numpy(arrays["axes"].astype(np.int64))
        level.analysis[axes, columns] = 1
        level.synthesis[columns, axes] = 1
    else:
        analysis = from_int8(arrays["analysis"], arrays["analysis.scale"])
        synthesis = from_int8(arrays["synthesis"], arrays["synthesis.scale"])
        level.analysis[:, columns] = torch.from_numpy(analysis)
        level.synthesis[columns] = torch.from_numpy(synthesis).T
    packed = torch.from_numpy(from_int8(arrays["codebooks"], arrays["codebooks.scale"]))
    groups, codewords, _ = packed.shape
    padded = torch.zeros(groups, codewords, level.tokens * level.dimensions)
    padded[..., columns] = packed
    level.codebooks.weight.copy_(
        padded.unflatten(2, (level.tokens, level.dimensions)).transpose(1, 2)
    )
    counts = torch.from_numpy(arrays["counts"].astype(np.float32))
    level.bits.copy_(torch.log2(counts.sum(2, keepdim=True) / counts))
    level.price.fill_(float(arrays["price"][0]))
    level.codebooks.prepare()
