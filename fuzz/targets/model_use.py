"""Model files of valid form with contradictory arrays, used for decoding and encoding.

An input is not a file but a list of edits of the arrays of a small model. The edited file has
correct digests and fingerprint, so every array is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from fuzz.scratch import folder
from fuzz.small_model import small_codec
from fuzz.target import Target
from stc.canvas import CANVAS
from stc.codec.codec import Codec
from stc.codec.info import info
from stc.codec.model_file import save_model
from stc.errors import FormatError, ModelError

_TYPES = ("i1", "u1", "f2", "u2", "f4", "u4")
_SIDES = (0, 1, 2, 3, 5, 7, 16, 30, 64, 70, 255, 6144)
_PACKED = {"basis": 1, "levels.0.codebooks": 2, "levels.2.synthesis": 4}
_BARE = b"\x03\x55\x12\x34"  # three tokens, if the model has them


def answer(data: bytes) -> Any:
    """The files, metrics, pixels and info of an edited model."""
    arrays = dict(_base(data[0] if data else 0))
    for operation, name, one, two in _edits(data[1:], sorted(arrays)):
        _edit(arrays, operation, name, one, two)
    try:
        model = save_model(folder() / "edited.safetensors", "edited", arrays)
        codec = Codec(model)
        canvas = np.arange(CANVAS * CANVAS * 3, dtype=np.uint32).astype(np.uint8)
        files = codec.encode_batch(canvas.reshape(1, CANVAS, CANVAS, 3), effort=0)
        metrics = [model.metric(level).weight for level in range(len(model.level_sizes))]
        pixels = codec.decode_batch([one.data for one in files if one.error is None])
    except KeyError as error:
        raise AssertionError("an array is missing, which opening did not detect") from error
    known = [dataclasses.astuple(info(one.data, model=model.path)) for one in files if one.data]
    try:
        bare = codec.decode_batch([_BARE], bare=True).tobytes()
    except FormatError:
        bare = b""
    return [one.data for one in files], repr(metrics), pixels.tobytes(), repr(known), bare


def seeds() -> dict[str, bytes]:
    """No edit, one edit of every kind, and packed matrices."""
    edits = {f"edit-{n}": bytes([0, n, 3 * n, 1, 2]) for n in range(8)}
    return {"plain": b"\0", **edits, **{f"packed-{n}": bytes([n]) for n in (1, 2, 4, 8, 15)}}


def _edits(data: bytes, names: list[str]) -> Iterator[tuple[int, str, int, int]]:
    """Yield up to six edits of four bytes: operation, name of the array, two numbers."""
    for start in range(0, min(len(data), 24) - 3, 4):
        operation, name, one, two = data[start : start + 4]
        yield operation % 8, names[name % len(names)], one, two


def _edit(arrays: dict[str, Any], operation: int, name: str, one: int, two: int) -> None:
    if name not in arrays:
        return
    array = arrays[name]
    flat = array.reshape(-1)
    if operation == 0:
        del arrays[name]
    elif operation == 1:
        kind = np.dtype(_TYPES[one % len(_TYPES)])
        arrays[name] = np.resize(np.frombuffer(flat.tobytes(), "u1"), flat.size * kind.itemsize)
        arrays[name] = arrays[name].view(kind).reshape(array.shape)
    elif operation == 2:  # change the size of one axis
        axis = one % array.ndim
        sides = [*array.shape]
        sides[axis] = _SIDES[two % len(_SIDES)]
        arrays[name] = np.resize(array, sides)
    elif operation == 3:  # change a byte
        raw = bytearray(flat.tobytes())
        if raw:
            raw[one * len(raw) // 256] = two
        arrays[name] = np.frombuffer(bytes(raw), array.dtype).reshape(array.shape)
    elif operation == 4:  # change all elements
        values = (0, -1, 1, 127, 255, np.nan, np.inf, -np.inf)
        with np.errstate(all="ignore"):
            arrays[name] = np.full(array.shape, values[one % 8]).astype(array.dtype)
    elif operation == 5:  # change a character of the configuration
        text = bytearray(arrays["config"].tobytes()) if "config" in arrays else bytearray(b"{")
        text[one % len(text)] = two
        arrays["config"] = np.frombuffer(bytes(text), "u1")
    elif operation == 6:  # exchange two arrays
        other = sorted(arrays)[one % len(arrays)]
        arrays[name], arrays[other] = arrays[other], arrays[name]
    elif operation == 7:  # add or remove an axis
        arrays[name] = array[None] if two % 2 or array.ndim < 2 else array[0]


@cache
def _base(kind: int) -> dict[str, Any]:
    """The arrays of the small model, with the matrices packed that the bits of `kind` select."""
    arrays = {name: np.array(own) for name, own in small_codec().model.read().items()}
    bits = 2 + kind // 16 % 6
    for name, flag in _PACKED.items():
        if kind & flag:
            _pack(arrays, name, bits, is_mirrored=name == "basis" and bool(kind & 8))
    return arrays


def _pack(arrays: dict[str, Any], name: str, bits: int, *, is_mirrored: bool) -> None:
    """Replace a matrix by random packed codes."""
    draw = np.random.default_rng(bits)
    *rows, columns = arrays.pop(name).shape
    if is_mirrored:
        rows = [rows[0] // 2]
        arrays[f"{name}.mirror"] = draw.choice(np.array([-1, 1], np.int8), columns)
    size = sum(-(-(columns - 1) * width // 8) for width in (4, 2, 1) if bits & width)
    arrays[f"{name}.codes"] = draw.integers(0, 256, (*rows, size), np.uint8)
    arrays[f"{name}.curve"] = np.linspace(-127, 127, 1 << bits).astype(np.int8)
    arrays[f"{name}.tops"] = draw.integers(1, 128, rows, np.uint8)
    arrays[f"{name}.first"] = draw.integers(-127, 128, (*rows, 1), np.int8)


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(ModelError,),
    parsers=("stc.codec.shapes", "stc.codec.model_file", "stc.codec.packing", "stc.codec.layers"),
    max_len=25,
    seconds=3.0,
    strict=False,  # NaN in weights gives warnings and NaN in pictures
)
