"""Editing the bytes of a model file, and expressing the changes as splices."""

from __future__ import annotations

import hashlib
import json
import re
from difflib import SequenceMatcher
from typing import Any

from conformance.cases import Splice, spliced
from stc.bitstream.identity import ArrayIdentity, fingerprint

Header = dict[str, Any]


class Parts:
    """Header and arrays of a model file, for editing."""

    def __init__(self, data: bytes) -> None:
        size = int.from_bytes(data[:8], "little")
        self.header: Header = json.loads(data[8 : 8 + size])
        self.arrays = bytearray(data[8 + size :])

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata in the header."""
        found: dict[str, str] = self.header["__metadata__"]
        return found

    def change(self, name: str, at: int, value: bytes) -> None:
        """Replace bytes inside an array, from byte `at` on."""
        start = self.header[name]["data_offsets"][0] + at
        self.arrays[start : start + len(value)] = value

    def rename(self, name: str, other: str) -> None:
        """Rename an array."""
        self.header = {other if key == name else key: row for key, row in self.header.items()}

    def add(self, name: str, dtype: str, shape: list[int], data: bytes = b"") -> None:
        """Add an array after all others."""
        start = len(self.arrays)
        self.arrays += data
        end = len(self.arrays)
        self.header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}

    def replace(self, name: str, shape: list[int], data: bytes) -> None:
        """Replace an array by one of the same dtype; the old one gets an unused name."""
        self.rename(name, f"old.{name}")
        self.add(name, self.header[f"old.{name}"]["dtype"], shape, data)

    def configure(self, old: bytes, new: bytes) -> None:
        """Replace text in the configuration by text of the same length."""
        first, last = self.header["config"]["data_offsets"]
        at = bytes(self.arrays[first:last]).index(old)
        self.change("config", at, new)

    def restate(self) -> None:
        """Correct digests and fingerprint."""
        entries = {name: row for name, row in self.header.items() if name != "__metadata__"}
        digests = {
            name: hashlib.sha256(self.arrays[slice(*row["data_offsets"])]).hexdigest()
            for name, row in entries.items()
        }
        self.digests(digests)
        self.refinger()

    def digests(self, digests: dict[str, str]) -> None:
        """Set the stated digests of the arrays."""
        self.metadata["digests"] = json.dumps(digests, sort_keys=True)

    def refinger(self) -> None:
        """Correct the fingerprint."""
        digests = json.loads(self.metadata["digests"])
        identities = {
            name: ArrayIdentity(row["dtype"], tuple(row["shape"]), digests.get(name, ""))
            for name, row in self.header.items()
            if name != "__metadata__" and not name.startswith(("encoder.", "upscaler."))
        }
        self.metadata["fingerprint"] = fingerprint(identities)

    def text(self) -> str:
        """The header as JSON."""
        return json.dumps(self.header, separators=(",", ":"))

    def data(self, text: bytes | None = None) -> bytes:
        """The bytes of the model file; text: the header, or None for that of the object."""
        if text is None:
            text = self.text().encode()
        return len(text).to_bytes(8, "little") + text + self.arrays


def splices(sound: bytes, broken: bytes) -> list[Splice]:
    """The splices that change `sound` into `broken`, from the end to the beginning."""
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
    assert spliced(sound, found) == broken  # noqa: S101 - an error here would affect every vector
    return found


def _alike(first: list[bytes], second: list[bytes]) -> int:
    """The number of equal pieces at the beginning."""
    pairs = zip(first, second, strict=False)
    return next(
        (place for place, (one, other) in enumerate(pairs) if one != other),
        min(len(first), len(second)),
    )


def _pieces(data: bytes) -> list[bytes]:
    """Split a model file: the length, the header at its commas, the rest into runs of 16 bytes."""
    size = int.from_bytes(data[:8], "little")
    if 8 + size > len(data):
        return [data[:8], *_runs(data[8:])]
    words = re.findall(rb"[^,]*,?", data[8 : 8 + size])
    return [data[:8], *words, *_runs(data[8 + size :])]


def _runs(data: bytes) -> list[bytes]:
    return [data[at : at + 16] for at in range(0, len(data), 16)]
