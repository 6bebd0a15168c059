"""Valid messages of every kind, and their expected results, computed by the core in numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from conformance.numbers import Numbers
from stc import bitstream
from stc.codec.model_file import ModelFile
from stc.codec.planes import CHROMA, LUMA
from stc.codec.portable import PortableCore
from stc.codec.portable_networks import Decoder
from stc.codec.tokenizer import Tokenizer
from stc.codec.tokens import Tokens

Floats = npt.NDArray[np.float32]
Message = tuple[int, npt.NDArray[np.int64]]

DETAIL_STEPS = 8192  # steps per unit of the detail's integers in a file


class Watched(Decoder):
    """A decoder that keeps the output of every block, by its name."""

    def __init__(self, model: ModelFile) -> None:
        super().__init__(model)
        self.seen: dict[str, Floats] = {}

    def modulated(self, name: str, x: Floats, condition: Floats) -> Floats:
        self.seen["condition"] = condition
        self.seen[name] = super().modulated(name, x, condition)
        return self.seen[name]

    def _mix(self, name: str, x: Floats) -> Floats:
        self.seen[name] = super()._mix(name, x)
        return self.seen[name]


class Reference:
    """Computes all results of a decoder for a message, with one model."""

    def __init__(self, model: ModelFile) -> None:
        self.model, self._core = model, PortableCore(model)
        self._tokenizer, self._decoder = Tokenizer(model, self._core), Watched(model)

    def components(self, message: Message) -> Floats:
        """The components [Z]."""
        return self._tokenizer.dequantize(Tokens.of([message]))[0]

    def planes(self, message: Message) -> Floats:
        """The planes [6144]."""
        return self._tokenizer.planes(self.components(message)[None])[0]

    def picture(self, message: Message) -> npt.NDArray[np.uint8]:
        """The picture [128, 128, 3]."""
        return self._core.render(self.planes(message)[None], self._spent(message)[None])[0]

    def detail(self, message: Message) -> Floats:
        """The output of the network, [128, 128, 3]."""
        planes = self.planes(message)
        luma = planes[: LUMA**2].reshape(LUMA, LUMA)
        chroma = planes[LUMA**2 :].reshape(2, CHROMA, CHROMA)
        return self._decoder(luma, chroma, self._spent(message))

    def steps(self, message: Message, pictures: bool) -> dict[str, Any]:
        """Intermediate results; with pictures, those too, as [channel][row][column]."""
        self.detail(message)
        seen = self._decoder.seen
        found = {"components": self.components(message), "condition": seen["condition"]}
        for name in ("mix8.1", "blocks16.1") * pictures:
            found[name] = np.moveaxis(seen[name], 2, 0)
        return {name: rounded(array) for name, array in found.items()}

    def quality(self, canvas: npt.NDArray[np.uint8], message: Message) -> float:
        """The quality of a file of this message for the face on the canvas [128, 128, 3]."""
        source = self._tokenizer.analyse(canvas[None])
        return float(self._tokenizer.identity_kept(source, self.components(message)[None])[0])

    def _spent(self, message: Message) -> np.float32:
        return np.float32(len(message[1]) / self.model.tables.tokens)


def rounded(array: npt.NDArray[Any]) -> Any:
    """Convert an array to nested lists of numbers with six significant digits."""
    if array.ndim > 1:
        return [rounded(row) for row in array]
    return [float(f"{value:.6g}") for value in array.tolist()]


def alphabets(model: ModelFile) -> list[int]:
    """The number of codewords of every token."""
    return [level.shape[2] for level in model.tables.levels for _ in range(level.shape[1])]


def messages(model: ModelFile) -> Iterator[tuple[str, str, Message]]:
    """Yield the messages for a small model: name, purpose, message."""
    numbers, sizes = Numbers(3), alphabets(model)
    groups = model.group_number

    def any_of(count: int, group: int) -> Message:
        return group, np.array([numbers.below(size) for size in sizes[:count]])

    ends = np.cumsum(model.level_sizes).tolist()
    yield "one", "the shortest face", any_of(1, groups - 1)
    yield "level", "all of the first level, nothing of the second", any_of(ends[0], 0)
    yield "part", "a level in part", any_of(ends[0] + 1, groups // 2)
    if len(sizes) > 127:
        yield "count-127", "the last count of one byte", any_of(127, 1)
        yield "count-128", "the first count of two bytes", any_of(128, 2)
        yield "wrapped", "the interval's low end passes 2^64", _wrapped(model, any_of)
    yield "whole", "every token of the model", any_of(len(sizes), groups - 1)
    yield "rare", "the least likely symbols: many bits a token", _extreme(model, np.argmin)
    yield "likely", "the most likely symbols: few bits a token", _extreme(model, np.argmax)
    zeros = np.zeros(len(sizes), np.int64)
    yield "empty", "a payload of no bytes: group 0 and first codewords alone", (0, zeros)


def _extreme(model: ModelFile, choose: Any) -> Message:
    tables = model.tables
    group = int(choose(tables.groups))
    rows = [row for _, level in tables.rows(group, tables.tokens) for row in level]
    return group, np.array([int(choose(row)) for row in rows])


def _wrapped(model: ModelFile, any_of: Any) -> Message:
    """A message whose `low` passes 2^64, which must wrap around in 64-bit decoders."""
    while True:
        message = any_of(model.tables.tokens, 0)
        if wraps(model, message):
            return message


def wraps(model: ModelFile, message: Message) -> bool:
    """Whether low + scale * C passes 2^64 for some symbol of a message."""
    tables, low, span = model.tables, 0, (1 << 64) - 1
    rows = [(int(tables.below_groups[message[0]]), int(tables.groups[message[0]]))]
    for below, frequency in [*rows, *tables.shares(*message)]:
        if frequency == 1 << 16:
            continue
        scale = span >> 24
        low, span = low + (scale * below << 8), scale * frequency << 8
        if low >> 64:
            return True
        if span < 1 << 32:
            low, span = low << 32 & (1 << 64) - 1, span << 32
    return False


def pack(model: ModelFile, message: Message, *, bare: bool = False) -> bytes:
    """Encode a message as a file."""
    short = bytes.fromhex(model.fingerprint[:4])
    return bitstream.pack(short, model.tables, *message, bare=bare)
