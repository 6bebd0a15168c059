"""Model files that every decoder must refuse: a small model, and what is changed in its bytes.

Only one thing is wrong with each: digests and fingerprint are made anew unless they are the point.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from conformance.cases import Splice, spliced
from stc.bitstream.identity import ArrayIdentity, fingerprint

Header = dict[str, Any]

ERROR = "ModelError"


@dataclass(frozen=True)
class BrokenModel:
    name: str
    why: str
    data: bytes


class Parts:
    """Header and arrays of a model file, to be changed and put together again."""

    def __init__(self, data: bytes) -> None:
        size = int.from_bytes(data[:8], "little")
        self.header: Header = json.loads(data[8 : 8 + size])
        self.arrays = bytearray(data[8 + size :])

    @property
    def metadata(self) -> dict[str, str]:
        found: dict[str, str] = self.header["__metadata__"]
        return found

    def change(self, name: str, at: int, value: bytes) -> None:
        """Other bytes inside an array."""
        start = self.header[name]["data_offsets"][0] + at
        self.arrays[start : start + len(value)] = value

    def rename(self, name: str, other: str) -> None:
        self.header = {other if key == name else key: row for key, row in self.header.items()}

    def restate(self) -> None:
        """Make digests and fingerprint right."""
        entries = {name: row for name, row in self.header.items() if name != "__metadata__"}
        digests = {
            name: hashlib.sha256(self.arrays[slice(*row["data_offsets"])]).hexdigest()
            for name, row in entries.items()
        }
        self.digests(digests)
        self.refinger()

    def digests(self, digests: dict[str, str]) -> None:
        self.metadata["digests"] = json.dumps(digests, sort_keys=True)

    def refinger(self) -> None:
        digests = json.loads(self.metadata["digests"])
        identities = {
            name: ArrayIdentity(row["dtype"], tuple(row["shape"]), digests.get(name, ""))
            for name, row in self.header.items()
            if name != "__metadata__" and not name.startswith("encoder.")
        }
        self.metadata["fingerprint"] = fingerprint(identities)

    def data(self, text: bytes | None = None) -> bytes:
        if text is None:
            text = json.dumps(self.header, separators=(",", ":")).encode()
        return len(text).to_bytes(8, "little") + text + self.arrays


def broken_models(sound: bytes) -> Iterator[BrokenModel]:
    """Of the bytes of tiny-packed."""
    size = int.from_bytes(sound[:8], "little")
    text = sound[8 : 8 + size]
    parts = Parts(sound)
    yield BrokenModel("seven-bytes", "too short for a length", sound[:7])
    yield BrokenModel("header-long", "L is 2^20 + 1", _length(sound, 2**20 + 1))
    yield BrokenModel("header-huge", "L is 2^64 - 1", _length(sound, 2**64 - 1))
    yield BrokenModel("header-beyond", "L goes beyond the file", _length(sound, len(sound) - 7))
    yield BrokenModel("header-cut", "the file ends in its header", sound[:1000])
    yield BrokenModel("not-json", "the header is not JSON", parts.data(b"{" + text))
    yield BrokenModel("not-object", "the header is a list", parts.data(b"[" + text + b"]"))
    twice = text.replace(b'{"', b'{"mean":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},"', 1)
    yield BrokenModel("name-twice", "the header has the member mean twice", parts.data(twice))
    deep = text.replace(b'"shape":[', b'"shape":' + b"[" * 2000, 1)
    yield BrokenModel("deep", "2,000 brackets are open", parts.data(deep))
    yield BrokenModel("file-cut", "the file lacks its last byte", sound[:-1])
    yield BrokenModel("byte-behind", "one byte too many", sound + b"\0")
    for name, why, change in CHANGES:
        parts = Parts(sound)
        change(parts)
        yield BrokenModel(name, why, parts.data())


def _length(data: bytes, length: int) -> bytes:
    return length.to_bytes(8, "little") + data[8:]


Change = Callable[[Parts], None]


def _restated(change: Change) -> Change:
    """The same, and then digests and fingerprint are made right."""

    def both(parts: Parts) -> None:
        change(parts)
        parts.restate()

    return both


def _entry(name: str, **changes: Any) -> Change:
    """Change an array's entry, and make the fingerprint right."""

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
    """State another digest of an array, or none; the fingerprint is made right."""

    def change(parts: Parts) -> None:
        digests = json.loads(parts.metadata["digests"])
        digests.pop(name, None)
        if value is not None:
            digests[name] = value
        parts.digests(digests)
        parts.refinger()

    return change


def _other_fingerprint(parts: Parts) -> None:
    """The first two bytes, which files name, stay."""
    found = parts.metadata["fingerprint"]
    parts.metadata["fingerprint"] = found[:-1] + ("0" if found[-1] != "0" else "1")


def _hole(parts: Parts) -> None:
    """A byte that belongs to no array, behind all but the last."""
    rows = [row for name, row in parts.header.items() if name != "__metadata__"]
    last = max(rows, key=lambda row: row["data_offsets"])
    start = last["data_offsets"][0]
    last["data_offsets"] = [at + 1 for at in last["data_offsets"]]
    parts.arrays[start:start] = b"\0"


def _overlap(parts: Parts) -> None:
    """Two arrays of one size share the bytes of the first; those of the second are nobody's."""
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
EMBED = "decoder.embed.0.weight"

CHANGES: list[tuple[str, str, Change]] = [
    ("no-metadata", "without __metadata__", _drop),
    ("metadata-number", "the name in the metadata is a number", _no_text),
    ("no-fingerprint", "no fingerprint is stated", _without("fingerprint")),
    ("no-digests", "no digests are stated", _without("digests")),
    ("fingerprint", "the fingerprint's last digit is another", _other_fingerprint),
    ("digest-missing", "the array mean has no digest", _digest("mean", None)),
    ("digest-of-nothing", "a digest of an array that is not there", _digest("meat", "0" * 64)),
    ("digest-short", "a digest of 63 digits", _digest("mean", "0" * 63)),
    ("digest-upper", "a digest in capital letters", _cut_digest("mean")),
    ("name", "a name with a slash", _restated(_renamed("mean", "me/an"))),
    ("dtype", "a dtype that is none", _entry("mean", dtype="F17")),
    ("shape-negative", "a negative shape", _entry("mean", shape=[-6144])),
    ("shape-fraction", "a shape of 6144.0", _entry("mean", shape=[6144.0])),
    ("shape-size", "a shape of another size than the bytes", _entry("mean", shape=[6143])),
    ("shape-huge", "2^67 elements, which 64 bits cannot count", _entry("mean", shape=HUGE)),
    ("offsets-reversed", "the last byte before the first", _entry("mean", data_offsets=[9, 0])),
    ("entry-more", "an entry with a fourth member", _entry("mean", order="C")),
    ("hole", "a byte that belongs to no array", _hole),
    ("overlap", "two arrays share their bytes", _overlap),
    ("missing", "the array mean has another name", _restated(_renamed("mean", "meat"))),
    ("no-layer", "a layer lacks its bias", _restated(_renamed(BIAS := "decoder.up16.bias", "x"))),
    ("no-embed", "the first layer is missing", _restated(_renamed(EMBED, "embed"))),
    ("other-dtype", "a matrix is U8 where I8 belongs", _entry("decoder.leave.weight", dtype="U8")),
    ("other-shape", "a bias of two axes", _entry(BIAS, shape=[1, 28])),
    ("transposed", "a weight of another shape", _entry(EMBED, shape=[4, 3])),
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


def splices(sound: bytes, broken: bytes) -> list[Splice]:
    """What makes the one of the other, from the end to the beginning."""
    if sound.startswith(broken):
        return [(len(broken), len(sound) - len(broken), "")]
    if broken[8:] == sound[8:]:
        return [(0, 8, broken[:8].hex())]
    first, second = _pieces(sound), _pieces(broken)
    start = _alike(first, second)
    end = _alike(first[start:][::-1], second[start:][::-1])
    at, stop = len(b"".join(first[:start])), len(first) - end
    first, second = first[start:stop], second[start : len(second) - end]
    ends = [at]
    for piece in first:
        ends.append(ends[-1] + len(piece))
    found = []
    for tag, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if tag != "equal":
            found.append((ends[a], ends[b] - ends[a], b"".join(second[c:d]).hex()))
    found.reverse()
    assert spliced(sound, found) == broken  # noqa: S101 - a slip here would be in every vector
    return found


def _alike(first: list[bytes], second: list[bytes]) -> int:
    """How many pieces are the same at the beginning."""
    pairs = zip(first, second, strict=False)
    return next(
        (place for place, (one, other) in enumerate(pairs) if one != other),
        min(len(first), len(second)),
    )


def _pieces(data: bytes) -> list[bytes]:
    """The length, a header cut at its commas, and runs of 16 bytes of what follows."""
    size = int.from_bytes(data[:8], "little")
    if 8 + size > len(data):
        return [data[:8], *_runs(data[8:])]
    words = re.findall(rb"[^,]*,?", data[8 : 8 + size])
    return [data[:8], *words, *_runs(data[8 + size :])]


def _runs(data: bytes) -> list[bytes]:
    return [data[at : at + 16] for at in range(0, len(data), 16)]
