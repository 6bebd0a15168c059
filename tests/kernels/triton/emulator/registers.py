"""Registers of all lanes: a numpy array each, poison where nothing was written."""

from __future__ import annotations

import numpy as np

TYPES = {
    "pred": np.dtype(bool),
    "b8": np.dtype(np.uint8),
    "u8": np.dtype(np.uint8),
    "s8": np.dtype(np.int8),
    "b16": np.dtype(np.uint16),
    "u16": np.dtype(np.uint16),
    "s16": np.dtype(np.int16),
    "b32": np.dtype(np.uint32),
    "u32": np.dtype(np.uint32),
    "s32": np.dtype(np.int32),
    "b64": np.dtype(np.uint64),
    "u64": np.dtype(np.uint64),
    "s64": np.dtype(np.int64),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(np.uint16),  # numpy has none: the bits
    "f32": np.dtype(np.float32),
    "f32x2": np.dtype((np.float32, 2)),  # two numbers in one register, arrays [lanes, 2]
}
BITS = {1: np.dtype(np.uint8)} | {w: np.dtype(f"u{w // 8}") for w in (8, 16, 32, 64)}
UNDEFINED = 2  # of a predicate


class Registers:
    """Registers by name, and other names that an instruction may read."""

    def __init__(self, widths: dict[str, int], constants: dict[str, np.ndarray], lanes: int):
        """widths: "%rd" -> bits; constants uint32 [lanes]: special registers and names."""
        self.lanes = lanes
        self._widths = widths
        self._constants: dict[tuple[str, str], np.ndarray] = {}
        self._special = constants
        self._values: dict[str, np.ndarray] = {}

    def width(self, name: str) -> int:
        """Bits of a register."""
        try:
            return self._widths[name.rstrip("0123456789")]
        except KeyError:
            raise NotImplementedError(f"{name} is no register") from None

    def bits(self, name: str) -> np.ndarray:
        """The register itself, as unsigned numbers [lanes]; predicates: 0, 1 or UNDEFINED."""
        if name not in self._values:
            width = self.width(name)
            poison = UNDEFINED if width == 1 else (1 << width) - 1
            self._values[name] = np.full(self.lanes, poison, BITS[width])
        return self._values[name]

    def read(self, operand: str, kind: str, mask: np.ndarray) -> np.ndarray:
        """A register or constant as a PTX type: [lanes], or [lanes, 2] of f32x2."""
        if not operand.startswith("%") or operand in self._special:
            return self._constant(operand, kind)
        bits, dtype = self.bits(operand), TYPES[kind]
        if kind == "pred":
            if self.width(operand) != 1:
                raise NotImplementedError(f"{operand} as a predicate")
            if (bits[mask] == UNDEFINED).any():
                raise RuntimeError(f"predicate {operand} is read and was never set")
            return bits == 1
        if self.width(operand) != 8 * dtype.itemsize:
            raise NotImplementedError(f"{operand} as {kind}")
        return bits.view(dtype.base).reshape(self.lanes, *dtype.shape)

    def write(self, name: str, kind: str, values: np.ndarray, mask: np.ndarray) -> None:
        """values of a PTX type go to the masked lanes of a register of its width."""
        if name == "_":  # PTX's name for an unused result
            return
        dtype = TYPES[kind]
        if values.dtype != dtype.base:
            raise TypeError(f"{values.dtype} for {kind}")  # a mistake in this package
        if self.width(name) != (1 if kind == "pred" else 8 * dtype.itemsize):
            raise NotImplementedError(f"{kind} for {name}")
        bits = np.ascontiguousarray(values).view(BITS[self.width(name)]).reshape(self.lanes)
        np.copyto(self.bits(name), bits, where=mask)

    def _constant(self, text: str, kind: str) -> np.ndarray:
        if (text, kind) not in self._constants:
            dtype = TYPES[kind]
            if text in self._special:
                if kind not in ("u32", "b32"):
                    raise NotImplementedError(f"{text} as {kind}")
                value = self._special[text]
            elif kind == "pred":
                value = np.full(self.lanes, int(text) != 0)
            else:
                value = np.full(self.lanes, _bits(text, kind, dtype.itemsize)).view(dtype.base)
                value = value.reshape(self.lanes, *dtype.shape)
            self._constants[text, kind] = value
        return self._constants[text, kind]


def _bits(text: str, kind: str, size: int) -> np.unsignedinteger:
    """A number as written in PTX: an integer, perhaps with U, or 0f and the bits of a float32."""
    floating = text.startswith("0f")
    if floating != (kind == "f32") and not (floating and kind == "b32"):
        raise NotImplementedError(f"{text} as {kind}")
    try:
        value = int(text[2:], 16) if floating else int(text.removesuffix("U"), 0)
    except ValueError:
        raise NotImplementedError(text) from None
    if not -(1 << 8 * size - 1) <= value < 1 << 8 * size:
        raise NotImplementedError(f"{text} as {kind}")
    return BITS[8 * size].type(value % (1 << 8 * size))
