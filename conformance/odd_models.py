"""Unusual but valid model files that every decoder must accept: a small model, changed.

The package does not write such files. Their digests and fingerprints are correct.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.model_bytes import Parts


@dataclass(frozen=True)
class OddModel:
    """A valid model file, and what is unusual about it."""

    name: str
    why: str
    data: bytes
    is_drawn_otherwise: bool = False  # whether its pictures differ from those of the small model


def odd_models(sound: bytes) -> Iterator[OddModel]:
    """Yield the models, made from the bytes of tiny-packed."""
    parts = Parts(sound)
    _add_unknown(parts)
    yield OddModel("unknown", "arrays and metadata that no reader knows", parts.data())
    parts = Parts(sound)
    _add_empty(parts)
    yield OddModel("no-bytes", "arrays of no bytes and of no axes", parts.data())
    parts = Parts(sound)
    yield OddModel("spelling", "the header in another spelling", parts.data(_spelled(parts)))
    parts = Parts(sound)
    _wrap(parts)
    why = "tops above 128, mirrors other than 1 and -1, -1 times -128"
    yield OddModel("wrapping", why, parts.data(), is_drawn_otherwise=True)


def _add_unknown(parts: Parts) -> None:
    parts.metadata["later"] = "than this text"
    for name, dtype, shape in (
        ("basis", "U8", [3]),  # beside basis.codes
        ("levels.0.codebooks", "F32", [1, 1]),
        ("levels.1.codebooks.mirror", "I8", [5]),  # beside a matrix that is not packed
        ("levels.00.counts", "I32", [2]),
        ("levels.4.counts", "U8", [1]),  # there is no level 3
        ("decoder.up16.weight.codes", "U16", [1]),
        ("later", "I32", [1]),
    ):
        size = {"8": 1, "6": 2, "2": 4}[dtype[-1]]
        for side in shape:
            size *= side
        parts.add(name, dtype, shape, bytes(size))
    parts.restate()


def _add_empty(parts: Parts) -> None:
    parts.add("one", "I8", [], b"\7")
    parts.add("none.behind", "U32", [0])
    parts.add("none.huge", "F16", [*[2**48 - 1] * 30, 0, 2**47])
    parts.add("none.first", "I8", [0, 0])
    parts.header["none.first"]["data_offsets"] = [0, 0]
    parts.add("none.between", "I8", [0])
    parts.header["none.between"]["data_offsets"] = [32, 32]
    parts.restate()


def _spelled(parts: Parts) -> bytes:
    """An equivalent header with escapes, white space, another order of members and arrays."""
    mean = parts.header.pop("mean")
    parts.header["mean"] = dict(reversed(mean.items()))
    digests = parts.metadata["digests"]
    digest = json.loads(digests)["mean"]
    spelled = digest.replace("6", "\\u0036")
    parts.metadata["digests"] = digests.replace(
        f'"mean": "{digest}"', f'"m\\u0065an":\t"{spelled}"'
    )
    parts.metadata["name"] = 'tiny: "\u0442\u0435\u0441\u0442", {1.5e3}'
    text = parts.text()
    for old, new in (
        ('"mean":{', '"me\\u0061n"\r\n:\t{ '),
        ('"fingerprint":', '"finger\\u0070rint" : '),
        ('"shape":[6144]', '"sh\\u0061pe":[ 6144\n]'),
        ('"dtype":"F16"}', '"dtype":"\\u00461\\u0036"}'),
    ):
        if old not in text:
            raise ValueError(f"no {old} in the header")
        text = text.replace(old, new, 1)
    return text.encode() + b"\n\t\r "


def _wrap(parts: Parts) -> None:
    """Set tops and mirrors that give values beyond 8 bits: in rows, and in mirrored halves."""
    parts.change("basis.tops", 0, bytes(range(256)))
    parts.change("basis.mirror", 1, b"\xff\5\x80\0\x7f")
    for row in range(1000, 1064):
        parts.change("basis.first", 4 * row + 1, b"\x80\x80\x80")
    parts.restate()
