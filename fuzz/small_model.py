"""A model with random weights and few tokens, whose files decode a hundred times as fast."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from importlib import import_module

import numpy as np

from fuzz.scratch import folder
from stc.bitstream import Tables, pack
from stc.codec.codec import Codec
from stc.codec.model_file import ModelFile, open_model

WIDTHS, CONDITION = (4, 4, 4, 4), 4

# Not a plain import: tests have no types, and exist in the repository only.
_save: Callable[..., ModelFile] = import_module("tests.codec.models").save_odd_model


@cache
def small_codec() -> Codec:
    """The codec of a small model: 3 groups, 9 tokens, codebooks of 5, 1 and 16 codewords."""
    return Codec(_save(folder() / "small.safetensors", WIDTHS, CONDITION, encoder=True))


@cache
def shipped_codec() -> Codec:
    """The codec of the default model."""
    return Codec()


def short_name(model: ModelFile) -> bytes:
    """The two bytes of the fingerprint by which files name a model."""
    return bytes.fromhex(model.fingerprint[:4])


def random_file(codec: Codec, count: int, seed: int, *, bare: bool = False) -> bytes:
    """A valid file of `count` random tokens, which show no real face."""
    draw = random.Random(seed)  # noqa: S311
    tables = codec.model.tables
    group = draw.randrange(len(tables.groups))
    indices = random_indices(tables, group, count, draw)
    return pack(short_name(codec.model), tables, group, indices, bare=bare)


def random_indices(tables: Tables, group: int, count: int, draw: random.Random) -> np.ndarray:
    """A random index for each of the first `count` tokens, int64 [count]."""
    rows = [row for _, level in tables.rows(group, count) for row in level]
    return np.array([draw.randrange(len(row)) for row in rows], np.int64)


def is_shipped(short: bytes) -> bool:
    """Whether the two bytes of a file's fingerprint name the default model."""
    return open_model().is_named(short)
