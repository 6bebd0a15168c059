"""Invalid model files that every decoder must refuse: a small model with one error each.

Digests and fingerprint are computed again after the change, unless they are the error.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from conformance.model_bytes import Parts

ERROR = "ModelError"


@dataclass(frozen=True)
class BrokenModel:
    """An invalid model file, and what is wrong with it."""

    name: str
    why: str
    data: bytes


def broken_models(sound: bytes) -> Iterator[BrokenModel]:
    """Yield the invalid models, made from the bytes of tiny-packed."""
    size = int.from_bytes(sound[:8], "little")
    text = sound[8 : 8 + size]
    yield BrokenModel("seven-bytes", "too short for a length", sound[:7])
    yield BrokenModel("header-long", "a length of 2^20 + 1", _length(sound, 2**20 + 1))
    yield BrokenModel("header-huge", "a length of 2^64 - 1", _length(sound, 2**64 - 1))
    yield BrokenModel("header-beyond", "a length beyond the file", _length(sound, len(sound) - 7))
    yield BrokenModel("header-cut", "the file ends in its header", sound[:1000])
    yield BrokenModel("file-cut", "the file lacks its last byte", sound[:-1])
    yield BrokenModel("byte-behind", "one byte too many", sound + b"\0")
    for name, why, header in _headers(text):
        yield BrokenModel(name, why, Parts(sound).data(header))
    for name, why, change in CHANGES:
        parts = Parts(sound)
        change(parts)
        yield BrokenModel(name, why, parts.data())


def _headers(text: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Yield names, reasons and changed headers, which do not need another fingerprint."""

    def other(old: bytes, new: bytes) -> bytes:
        if old not in text:
            raise ValueError(f"no {old!r} in the header")
        return text.replace(old, new, 1)

    mean = b'"mean":{"dtype":"F16","shape":[6144],'
    yield "not-json", "the header is not JSON", b"{" + text
    yield "not-object", "the header is a list", b"[" + text + b"]"
    yield "bom", "a byte order mark before the header", b"\xef\xbb\xbf" + text
    yield "space-first", "a space before the header", b" " + text
    yield "not-utf-8", "a surrogate's three bytes", other(b"tiny-packed", b"tiny-\xed\xa0\x80")
    empty = b'{"dtype":"I8","shape":[0],"data_offsets":[0,0]},"'
    twice = other(b'{"', b'{"mean":' + empty)
    yield "name-twice", "the header has the member mean twice", twice
    twice = other(b'{"', b'{"me\\u0061n":' + empty)
    yield "escape-twice", "the same, once with an escape", twice
    twice = other(mean, mean.replace(b"{", b'{"dtype":"F16",'))
    yield "dtype-twice", "the entry of mean has a dtype twice", twice
    digest = b'{\\"mean\\": \\"' + b"0" * 64 + b'\\", '
    twice = other(b'"digests":"{', b'"digests":"' + digest)
    yield "digests-twice", "the digests have the member mean twice", twice
    exponent = other(mean, mean.replace(b"6144", b"6144e0"))
    yield "shape-exponent", "a shape of 6144e0", exponent
    yield "minus-zero", "an array begins at -0", other(b":[0,32]", b":[-0,32]")
    deep = other(b'"shape":[', b'"shape":' + b"[" * 2000)
    yield "deep", "2,000 brackets are open", deep


def _length(data: bytes, length: int) -> bytes:
    return length.to_bytes(8, "little") + data[8:]


Change = Callable[[Parts], None]


def _restated(change: Change) -> Change:
    """A change that is followed by the correction of digests and fingerprint."""

    def both(parts: Parts) -> None:
        change(parts)
        parts.restate()

    return both


def _entry(name: str, **changes: Any) -> Change:
    """Change an array's entry in the header, and correct the fingerprint."""

    def change(parts: Parts) -> None:
        parts.header[name].update(copy.deepcopy(changes))
        parts.refinger()

    return change


def _drop(parts: Parts) -> None:
    del parts.header["__metadata__"]


def _no_text(parts: Parts) -> None:
    parts.header["__metadata__"]["name"] = 5


def _without(key: str) -> Change:
    return lambda parts: parts.metadata.pop(key) and None


def _digest(name: str, value: str | None) -> Change:
    """Replace the stated digest of an array, or remove it for None; correct the fingerprint."""

    def change(parts: Parts) -> None:
        digests = json.loads(parts.metadata["digests"])
        digests.pop(name, None)
        if value is not None:
            digests[name] = value
        parts.digests(digests)
        parts.refinger()

    return change


def _other_fingerprint(parts: Parts) -> None:
    """Change the fingerprint except its first two bytes, which files contain."""
    found = parts.metadata["fingerprint"]
    parts.metadata["fingerprint"] = found[:-1] + ("0" if found[-1] != "0" else "1")


def _capitals(parts: Parts) -> None:
    parts.metadata["fingerprint"] = parts.metadata["fingerprint"].upper()


def _more(name: str, dtype: str, shape: list[int], data: bytes = b"") -> Change:
    """Add an array."""

    def change(parts: Parts) -> None:
        parts.add(name, dtype, shape, data)
        parts.restate()

    return change


def _other(name: str, shape: list[int], data: bytes) -> Change:
    """Replace an array."""

    def change(parts: Parts) -> None:
        parts.replace(name, shape, data)
        parts.restate()

    return change


def _inside(parts: Parts) -> None:
    """Add an array of zero bytes inside another."""
    parts.add("nothing", "I8", [0])
    parts.header["nothing"]["data_offsets"] = [16, 16]
    parts.restate()


def _no_levels(parts: Parts) -> None:
    for number in range(3):
        parts.rename(f"levels.{number}.counts", f"levels.0{number}.counts")
    parts.restate()


def _two_groups(parts: Parts) -> None:
    """Make three groups in the levels of a model with two groups."""
    parts.replace("groups.counts", [2], b"\0\x80\0\0" * 2)
    parts.configure(b'"groups": 3', b'"groups": 2')
    parts.restate()


def _fifteen(parts: Parts) -> None:
    """Make 15 components in a level of a model with 14."""
    name = "levels.0.synthesis"
    parts.replace(f"{name}.codes", [15, 4], bytes(60))
    parts.replace(f"{name}.first", [15, 2], bytes(30))
    parts.replace(f"{name}.tops", [15], bytes(15))
    parts.configure(b"[[10", b"[[15")
    parts.restate()


def _hole(parts: Parts) -> None:
    """Insert a byte that belongs to no array before the last array."""
    rows = [row for name, row in parts.header.items() if name != "__metadata__"]
    last = max(rows, key=lambda row: row["data_offsets"])
    start = last["data_offsets"][0]
    last["data_offsets"] = [at + 1 for at in last["data_offsets"]]
    parts.arrays[start:start] = b"\0"


def _overlap(parts: Parts) -> None:
    """Let two arrays of one size share the bytes of the first; those of the second are unused."""
    weights = "decoder.blocks16.{}.second.weight"
    first, second = (parts.header[weights.format(number)] for number in (0, 1))
    second["data_offsets"] = list(first["data_offsets"])
    parts.restate()


def _cut_digest(name: str) -> Change:
    def change(parts: Parts) -> None:
        known = json.loads(parts.metadata["digests"])[name]
        _digest(name, known.upper() if known.upper() != known else "A" * 64)(parts)

    return change


def _changed(name: str, at: int, value: bytes) -> Change:
    return lambda parts: parts.change(name, at, value)


def _renamed(name: str, other: str) -> Change:
    return lambda parts: parts.rename(name, other)


HUGE = [2**47, 2**20]
SYNTHESIS = "levels.0.synthesis"
EMBED = "decoder.embed.0.weight"

CHANGES: list[tuple[str, str, Change]] = [
    ("no-metadata", "without __metadata__", _drop),
    ("metadata-number", "the name in the metadata is a number", _no_text),
    ("no-fingerprint", "no fingerprint is stated", _without("fingerprint")),
    ("no-digests", "no digests are stated", _without("digests")),
    ("fingerprint", "the fingerprint's last digit is another", _other_fingerprint),
    ("fingerprint-upper", "the fingerprint in capital letters", _capitals),
    ("digest-missing", "the array mean has no digest", _digest("mean", None)),
    ("digest-of-nothing", "a digest of an array that is not there", _digest("meat", "0" * 64)),
    ("digest-short", "a digest of 63 digits", _digest("mean", "0" * 63)),
    ("digest-upper", "a digest in capital letters", _cut_digest("mean")),
    ("name", "a name with a slash", _restated(_renamed("mean", "me/an"))),
    ("name-empty", "an array without a name", _more("", "I8", [0])),
    ("name-letter", "a name with a letter beyond ASCII", _more("me\u00e4n", "I8", [0])),
    ("dtype", "a dtype that is none", _entry("mean", dtype="F17")),
    ("shape-negative", "a negative shape", _entry("mean", shape=[-6144])),
    ("shape-fraction", "a shape of 6144.0", _entry("mean", shape=[6144.0])),
    ("shape-size", "a shape of another size than the bytes", _entry("mean", shape=[6143])),
    ("shape-huge", "2^67 elements, which 64 bits cannot count", _entry("mean", shape=HUGE)),
    ("offsets-reversed", "the last byte before the first", _entry("mean", data_offsets=[9, 0])),
    ("entry-more", "an entry with a fourth member", _entry("mean", order="C")),
    ("hole", "a byte that belongs to no array", _hole),
    ("overlap", "two arrays share their bytes", _overlap),
    ("empty-inside", "an array of no bytes inside another", _inside),
    ("missing", "the array mean has another name", _restated(_renamed("mean", "meat"))),
    ("no-layer", "a layer lacks its bias", _restated(_renamed(BIAS := "decoder.up16.bias", "x"))),
    ("no-embed", "the first layer is missing", _restated(_renamed(EMBED, "embed"))),
    ("other-dtype", "a matrix is U8 where I8 belongs", _entry("decoder.leave.weight", dtype="U8")),
    ("other-shape", "a bias of two axes", _entry(BIAS, shape=[1, 28])),
    ("transposed", "a weight of another shape", _entry(EMBED, shape=[4, 3])),
    ("no-config", "without config", _restated(_renamed("config", "konfig"))),
    ("no-levels", "levels.00.counts and so on: no levels", _no_levels),
    ("groups", "three groups in levels, two in the model", _two_groups),
    ("components", "a level of 15 components, of 14 in the model", _fifteen),
    ("curve", "a curve of 48 values", _other(f"{SYNTHESIS}.curve", [48], bytes(48))),
    ("codes", "a row of codes is short", _other(f"{SYNTHESIS}.codes", [10, 3], bytes(30))),
    ("mirror", "a synthesis with a mirror", _more(f"{SYNTHESIS}.mirror", "I8", [8], b"\1" * 8)),
    ("first-empty", "first columns, none", _more("levels.0.codebooks.first", "I8", [3, 7, 0])),
    ("mean", "one bit of the mean", _changed("mean", 7, b"\xff")),
    ("basis", "bytes of the basis", _changed("basis.codes", 7000, b"\0\1\2\3")),
    ("last-level", "bytes of the last codebooks", _changed("levels.2.codebooks.codes", 0, b"\0\1")),
    ("network", "bytes of the network", _changed("decoder.leave.weight", 0, b"\0\1\2\3")),
    ("count-0", "a frequency of 0", _restated(_changed("levels.2.counts", 0, bytes(2)))),
    (
        "count-sum",
        "a row that sums to 2^16 + 1 or more",
        _restated(_changed("levels.0.counts", 1, b"\xfe")),
    ),
    (
        "group-sum",
        "groups that do not sum to 2^16",
        _restated(_changed("groups.counts", 0, b"\1\2")),
    ),
    (
        "widths",
        "widths that do not sum to the columns",
        _restated(_changed("levels.0.widths", 0, b"\3")),
    ),
]
