"""A model of random weights and unusual sizes, unlike those of the shipped model."""

import json

import numpy as np

from stc.codec.layers import decoder_names, upscaler_names
from stc.codec.model_file import save_model

LEVELS = [  # components, tokens, codewords, columns of the codebooks
    (20, 3, 5, 7),
    (50, 4, 1, 30),
    (70, 2, 16, 66),
]


SHARED = 2  # the level whose codebooks all groups share


def save_odd_model(path, widths, condition, groups=3, seed=0, encoder=False, upscaler=None):
    """Write a model file to `path`; widths: channels at 8x8, 16x16, 32x32 and 64x64 pixels.

    encoder: add the encoder's arrays, with a metric for every level but the last. upscaler: its
    channels at 64x64 and 128x128 pixels, or None.
    """
    generator = np.random.default_rng(seed)
    arrays = {}
    names = decoder_names([*widths, condition])
    if upscaler is not None:
        names |= upscaler_names([*upscaler], widths[-1], condition)
    for name, shape in names.items():
        if len(shape) > 1:
            arrays[name] = generator.integers(-127, 128, shape, np.int8)
            inputs = np.prod(shape[:-1])
        elif name.endswith(".scale"):
            arrays[name] = np.full(shape, 1 / 80 / np.sqrt(inputs), np.float16)
        elif "norm" in name and name.endswith(".weight"):
            arrays[name] = generator.uniform(0.5, 1.5, shape).astype(np.float16)
        else:
            arrays[name] = generator.normal(0, 0.1, shape).astype(np.float16)
    arrays["groups.counts"] = _rows(generator, groups)
    components = max(level[0] for level in LEVELS)
    arrays["mean"] = generator.uniform(0, 1, 6144).astype(np.float16)
    arrays["basis"] = generator.integers(-127, 128, (6144, components), np.int8)
    arrays["basis.scale"] = generator.uniform(1e-5, 1e-3, components).astype(np.float16)
    shapes: list[list[int]] = []
    for number, (own, tokens, codewords, columns) in enumerate(LEVELS):
        cuts = np.sort(generator.integers(0, columns + 1, tokens - 1))
        level = f"levels.{number}."
        mine = 1 if number == SHARED else groups
        counts = _rows(generator, mine, tokens, codewords)
        arrays[level + "counts"] = counts.astype(np.uint16 if codewords > 1 else np.uint32)
        shares = np.diff(cuts, prepend=0, append=columns)
        arrays[level + "widths"] = shares.astype(np.uint8)
        shapes.append([own, tokens, codewords, int(shares.max())])
        books = (mine, codewords, columns)
        arrays[level + "codebooks"] = generator.integers(-127, 128, books, np.int8)
        arrays[level + "codebooks.scale"] = generator.uniform(1e-4, 1e-2, columns).astype(
            np.float16
        )
        arrays[level + "synthesis"] = generator.integers(-127, 128, (own, columns), np.int8)
        arrays[level + "synthesis.scale"] = generator.uniform(1e-4, 1e-2, columns).astype(
            np.float16
        )
        if encoder:
            arrays[f"encoder.{level}price"] = np.full(1, 1e-4, np.float32)
        if encoder and number < SHARED:
            arrays[f"encoder.{level}metric"] = np.array([number], np.uint8)
            arrays[f"encoder.{level}identity"] = np.full(1, 0.5, np.float32)
            factor = generator.integers(-127, 128, (components, 5), np.int8)
            arrays[f"encoder.metrics.{number}"] = factor
            arrays[f"encoder.metrics.{number}.scale"] = np.full(5, 1e-3, np.float16)
    config = {"groups": groups, "levels": shapes, "widths": list(widths)}
    arrays["config"] = np.frombuffer(json.dumps(config).encode(), np.uint8)
    return save_model(path, "odd", arrays)


def _rows(generator, *shape):
    """Frequencies of at least 1 that sum to 2^16 along the last axis."""
    rows = 1 + generator.integers(0, (2**16 - shape[-1]) // shape[-1] + 1, shape).astype(np.uint32)
    rows[..., 0] += (2**16 - rows.sum(-1)).astype(np.uint32)
    return rows
