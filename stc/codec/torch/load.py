"""Load a model file as torch modules, for GPUs and for training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.codec.layers import decoder_widths, upscaler_widths
from stc.codec.matrix import Matrix
from stc.codec.model_file import ModelFile
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import Level, LevelTokenizer
from stc.codec.torch.upscaler import Upscaler


def load_modules(model: ModelFile) -> tuple[LevelTokenizer, Decoder]:
    """Return the tokenizer and the decoder of a model, in evaluation mode and frozen.

    Raises WrongModelError for a damaged file.
    """
    config = model.config
    basis = to_float(model.matrix("basis"))
    # float32, independent of torch's default type.
    tokenizer = LevelTokenizer(basis.shape[1], config["groups"], []).float()
    tokenizer.basis.copy_(basis)
    tokenizer.mean.copy_(_tensor(model, "mean"))
    tokenizer.group_bits.copy_(_bits(_tensor(model, "groups.counts")))
    for number, shape in enumerate(config["levels"]):
        tokenizer.levels.append(_level(model, number, *shape))
    with torch.device("meta"):  # random weights would advance the host program's generator
        decoder = Decoder(tuple(config["widths"]))
    weights = {name: _weight(model, f"decoder.{name}") for name in decoder.state_dict()}
    decoder.load_state_dict(weights, assign=True)
    return tokenizer.eval().requires_grad_(False), decoder.eval().requires_grad_(False)


def load_upscaler(model: ModelFile) -> Upscaler:
    """Return the upscaler of a model, in evaluation mode and frozen.

    Raises WrongModelError for a damaged file, and for a model without an upscaler.
    """
    widths, (*_, features, condition) = upscaler_widths(model), decoder_widths(model)
    with torch.device("meta"):
        upscaler = Upscaler((widths[0], widths[1]), features, condition)
    weights = {name: _weight(model, f"upscaler.{name}") for name in upscaler.state_dict()}
    upscaler.load_state_dict(weights, assign=True)
    return upscaler.eval().requires_grad_(False)


def to_float(matrix: Matrix) -> Tensor:
    """Return the matrix as a tensor, float32 [R, C]."""
    return torch.from_numpy(matrix.values.astype(np.float32) * matrix.scale)


def _tensor(model: ModelFile, name: str) -> Tensor:
    return torch.from_numpy(model.array(name).astype(np.float32))


def _weight(model: ModelFile, name: str) -> Tensor:
    """A weight of a network with outputs as the first axis; files have them as the last one."""
    weight = _tensor(model, name)
    if f"{name}.scale" not in model.entries:
        return weight
    return (weight * _tensor(model, f"{name}.scale")).movedim(-1, 0).contiguous()


def _level(
    model: ModelFile, number: int, components: int, tokens: int, codewords: int, dimensions: int
) -> Level:
    """A level of a model, prepared for the search; all tokens are padded to D dimensions."""
    name = f"levels.{number}."
    counts, metric = _tensor(model, f"{name}counts"), model.metric(number)
    rank = metric.factor.shape[1]
    level = Level(components, len(counts), tokens, codewords, dimensions, rank).float()
    widths: npt.NDArray[np.int64] = model.array(f"{name}widths").astype(np.int64)
    used = torch.from_numpy(np.arange(dimensions) < widths[:, None])  # [T, D]
    columns = used.flatten().nonzero()[:, 0]
    level.synthesis[columns] = to_float(model.matrix(f"{name}synthesis")).T
    padded = torch.zeros(len(counts) * codewords, tokens * dimensions, dtype=torch.float32)
    padded[:, columns] = to_float(model.matrix(f"{name}codebooks"))
    books = padded.view(len(counts), codewords, tokens, dimensions).transpose(1, 2)
    level.codebooks.weight.copy_(books)
    level.factor.copy_(torch.from_numpy(metric.factor))
    level.identity.fill_(float(metric.weight))
    level.bits.copy_(_bits(counts))
    level.price.fill_(float(model.array(f"encoder.{name}price")[0]))
    level.prepare()
    # The analysis rounded to 8 bits, as in the native core, so both engines choose equal tokens.
    level.read_by(columns, to_float(metric.analysis(model.matrix(f"{name}synthesis"))))
    return level


def _bits(counts: Tensor) -> Tensor:
    """The ideal code lengths, in bits, of symbols with the given frequencies."""
    return torch.log2(counts.sum(-1, keepdim=True) / counts)
