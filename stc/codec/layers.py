"""The arrays of a model that core.cpp reads, in order, with their shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stc.codec.model_file import ModelFile
from stc.codec.shapes import matrix_shape
from stc.errors import WrongModelError

PLACES = 64  # pixels of the coarsest feature map, 8 x 8

Shapes = dict[str, tuple[int, ...]]


def token_shape(model: ModelFile) -> list[int]:
    """Return [groups, components, levels], followed by five sizes of each level.

    These are components, tokens, codewords, columns of its matrices, and groups (1 if shared).
    """
    entries, levels = model.entries, len(model.level_sizes)
    shape = [model.group_number, matrix_shape(entries, "basis")[1], levels]
    for number in range(levels):
        own, codewords, columns = matrix_shape(entries, f"levels.{number}.codebooks")
        components = matrix_shape(entries, f"levels.{number}.synthesis")[0]
        shape += [components, model.level_sizes[number], codewords, columns, own]
    return shape


def linear_names(levels: int) -> list[str]:
    """Return the names of the arrays that turn tokens into planes; matrices are unpacked ones."""
    kinds = ("widths", "codebooks", "codebooks.scale", "synthesis", "synthesis.scale")
    own = [f"levels.{number}.{kind}" for number in range(levels) for kind in kinds]
    return ["mean", "basis", "basis.scale", *own]


def linear_arrays(model: ModelFile) -> list[npt.NDArray[Any]]:
    """Return the arrays of `linear_names`; packed matrices are unpacked to 8 bits."""
    names = linear_names(len(model.level_sizes))
    matrices = {name for name in names if f"{name}.scale" in model.entries}
    return [model.matrix(name).values if name in matrices else model.array(name) for name in names]


def decoder_widths(model: ModelFile) -> list[int]:
    """Return the channels at 8x8, 16x16, 32x32 and 64x64 pixels, and the size of the condition.

    The condition is the embedding of the spent share of tokens. Raises WrongModelError if the model
    has no usable layer that computes it.
    """
    name = "decoder.embed.0.weight"
    if name not in model.entries or not model.entries[name].shape:
        raise WrongModelError(f"{model.path}: no usable array {name}")
    return [*model.config["widths"], model.entries[name].shape[-1]]


def decoder_layers(widths: list[int]) -> Shapes:
    """Return the weight shape of every layer of the convolutional decoder, in order of use.

    Inputs are the first axis, outputs the last; the weight of a normalisation is a gain [channels].
    """
    w8, w16, w32, w64, condition = widths
    return {
        "embed.0": (3, condition),
        "enter16": (24, 3, 3, w16),
        "down8": (w16, 3, 3, w8),
        **_mixer("mix8.0", w8),
        **_mixer("mix8.1", w8),
        "up16": (w8, 1, 1, 4 * w16),
        **_block("blocks16.0", w16, condition),
        **_block("blocks16.1", w16, condition),
        "enter32": (6, 3, 3, w32),
        "up32": (w16, 1, 1, 4 * w32),
        **_block("blocks32.0", w32, condition),
        "enter64": (1, 3, 3, w64),
        "up64": (w32, 1, 1, 4 * w64),
        **_block("blocks64.0", w64, condition),
        "leave": (w64, 3, 3, 12),
    }


def _mixer(name: str, channels: int) -> Shapes:
    return {
        f"{name}.norm_places": (channels,),
        f"{name}.places.0": (PLACES, 2 * PLACES),
        f"{name}.places.2": (2 * PLACES, PLACES),
        f"{name}.norm_channels": (channels,),
        f"{name}.channels.0": (channels, 2 * channels),
        f"{name}.channels.2": (2 * channels, channels),
    }


def _block(name: str, channels: int, condition: int) -> Shapes:
    return {
        f"{name}.condition": (condition, 2 * channels),
        f"{name}.first": (channels, 3, 3, channels),
        f"{name}.second": (channels, 3, 3, channels),
    }


def upscaler_widths(model: ModelFile) -> list[int]:
    """Return the upscaler's channels at 64x64 and 128x128 pixels.

    Raises WrongModelError if the model has no upscaler, or no usable layers with these widths.
    """
    if not model.has_upscaler:
        raise WrongModelError(f"{model.path} has no upscaler")
    widths = []
    for name in ("upscaler.enter64.weight", "upscaler.enter128.weight"):
        if name not in model.entries or not model.entries[name].shape:
            raise WrongModelError(f"{model.path}: no usable array {name}")
        widths.append(model.entries[name].shape[-1])
    return widths


def upscaler_layers(widths: list[int], features: int, condition: int) -> Shapes:
    """Return the weight shape of every layer of the upscaler, as `decoder_layers` does.

    features, condition: channels at 64x64 pixels and size of the condition of its decoder.
    """
    w64, w128 = widths
    return {
        "enter64": (12, 3, 3, w64),
        "join64": (features, 1, 1, w64),
        **_block("blocks64.0", w64, condition),
        **_block("blocks64.1", w64, condition),
        **_block("blocks64.2", w64, condition),
        "enter128": (3, 3, 3, w128),
        "up128": (w64, 1, 1, 4 * w128),
        **_block("blocks128.0", w128, condition),
        "leave": (w128, 3, 3, 12),
    }


def decoder_names(widths: list[int]) -> Shapes:
    """Return names and shapes of the convolutional decoder's arrays.

    Layers have an int8 weight, its scale and a bias; normalisations have a gain and a bias. All but
    the int8 weights are float16.
    """
    return _names("decoder", decoder_layers(widths))


def upscaler_names(widths: list[int], features: int, condition: int) -> Shapes:
    """Return names and shapes of the upscaler's arrays, as `decoder_names` does."""
    return _names("upscaler", upscaler_layers(widths, features, condition))


def _names(network: str, layers: Shapes) -> Shapes:
    arrays: Shapes = {}
    for name, shape in layers.items():
        arrays[f"{network}.{name}.weight"] = shape
        if len(shape) > 1:
            arrays[f"{network}.{name}.weight.scale"] = shape[-1:]
        arrays[f"{network}.{name}.bias"] = shape[-1:]
    return arrays


def network_arrays(model: ModelFile, names: Shapes) -> list[npt.NDArray[Any]]:
    """Return the arrays of `decoder_names` or `upscaler_names`.

    Raises WrongModelError if an array is missing, damaged or of another type or shape.
    """
    arrays = []
    for name, shape in names.items():
        array, dtype = model.array(name), np.int8 if len(shape) > 1 else np.float16
        if array.dtype != dtype or array.shape != shape:
            raise WrongModelError(
                f"{model.path}: {name} is {array.dtype} {list(array.shape)}, "
                f"not {np.dtype(dtype)} {list(shape)}"
            )
        arrays.append(array)
    return arrays
