"""A model file -> torch modules, for GPUs and for training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.codec.matrix import Matrix
from stc.codec.model_file import ModelFile
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import Level, LevelTokenizer


def load_modules(model: ModelFile) -> tuple[LevelTokenizer, Decoder]:
    """The tokeniser and the decoder of a model, in evaluation mode and frozen.

    Raises WrongModelError for a damaged file.
    """
    config = model.config
    basis = to_float(model.matrix("basis"))
    shapes = [tuple(shape) for shape in config["levels"]]
    tokenizer = LevelTokenizer(basis.shape[1], config["groups"], shapes)
    tokenizer.basis.copy_(basis)
    tokenizer.analysis.copy_(to_float(model.matrix("encoder.analysis")))
    tokenizer.mean.copy_(_tensor(model, "mean"))
    for number, level in enumerate(tokenizer.levels):
        _load_level(level, model, number)
    decoder = Decoder(tuple(config["widths"]))
    decoder.load_state_dict({name: _weight(model, name) for name in decoder.state_dict()})
    return tokenizer.eval().requires_grad_(False), decoder.eval().requires_grad_(False)


def to_float(matrix: Matrix) -> Tensor:
    """float32 [R, C]."""
    return torch.from_numpy(matrix.values.astype(np.float32) * matrix.scale)


def _tensor(model: ModelFile, name: str) -> Tensor:
    return torch.from_numpy(model.array(name).astype(np.float32))


def _weight(model: ModelFile, name: str) -> Tensor:
    """A weight of the decoder, outputs first; kernels are stored outputs last, with scales."""
    name = f"decoder.{name}"
    weight = _tensor(model, name)
    if f"{name}.scale" not in model.entries:
        return weight
    return (weight * _tensor(model, f"{name}.scale")).movedim(-1, 0).contiguous()


def _load_level(level: Level, model: ModelFile, number: int) -> None:
    name = f"levels.{number}."
    widths: npt.NDArray[np.int64] = model.array(f"{name}widths").astype(np.int64)
    used = torch.from_numpy(np.arange(level.dimensions) < widths[:, None])  # [T, D]
    columns = used.flatten().nonzero()[:, 0]
    level.analysis[:, columns] = to_float(model.matrix(f"encoder.{name}analysis"))
    level.synthesis[columns] = to_float(model.matrix(f"{name}synthesis")).T
    packed = _tensor(model, f"{name}codebooks") * _tensor(model, f"{name}codebooks.scale")
    groups, codewords, _ = packed.shape
    padded = torch.zeros(groups, codewords, level.tokens * level.dimensions)
    padded[..., columns] = packed
    books = padded.unflatten(2, (level.tokens, level.dimensions)).transpose(1, 2)
    level.codebooks.weight.copy_(books)
    counts = _tensor(model, f"{name}counts")
    level.bits.copy_(torch.log2(counts.sum(2, keepdim=True) / counts))
    level.price.fill_(float(model.array(f"encoder.{name}price")[0]))
    level.codebooks.prepare()
