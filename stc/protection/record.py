"""A protected template, as it is stored."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stc.errors import TemplateError
from stc.protection.stream import MOST_GENERATIONS, TAG, Parameters
from stc.protection.template import Floats, as_floats

RecordId = str | bytes | int
LONGEST_ID = 64  # bytes
# How a record id stands in a name: one letter for its type, then its bytes.
_TEXT, _BYTES, _NUMBER = b"s", b"b", b"i"


@dataclass(frozen=True, eq=False)
class ProtectedTemplate:
    """What is stored of a face: nothing in it is secret, and without the key it says nothing.

    features: float32 [m, c], of every group the kept dimensions with length one (to within the
    steps of the container, if they come from one), and zeros where dimensions were dropped.
    record_id: public, and never used twice with one key and generation.
    tag: eight bytes that the key gave this record; a wrong key is known by them.
    bits: of a kept dimension, 2 to 8, where the record is stored.
    """

    features: Floats
    record_id: RecordId
    parameters: Parameters
    tag: bytes
    generation: int = 0
    bits: int = 8

    def __post_init__(self) -> None:
        want = self.parameters
        features = as_floats(self.features, 2)
        if features.shape != (want.groups, want.size) or not np.isfinite(features).all():
            raise TemplateError(f"features are {want.groups} x {want.size} finite numbers")
        if len(self.tag) != TAG:
            raise TemplateError(f"a tag has {TAG} bytes, this has {len(self.tag)}")
        check_generation(self.generation)
        id_to_name(self.record_id)
        object.__setattr__(self, "features", features)

    @property
    def alpha(self) -> float:
        return self.parameters.alpha

    @property
    def drop(self) -> float:
        """The share of dimensions that were dropped."""
        return self.parameters.drop

    @property
    def label(self) -> str:
        """The record id for people to read: of text, what cannot be printed is escaped; bytes
        begin with 0x."""
        shown = self.record_id
        if isinstance(shown, bytes):
            return f"0x{shown.hex()}"
        escaped = (c if c.isprintable() else ascii(c)[1:-1] for c in str(shown))
        return "".join(escaped)

    @property
    def name(self) -> bytes:
        """The record id with its type, as bytes."""
        return id_to_name(self.record_id)

    def to_bytes(self, bits: int | None = None) -> bytes:
        """The compact container, with so many bits (2 to 8) a kept dimension if not its own."""
        from stc.protection.container import pack

        return pack(self, self.bits if bits is None else bits)

    @classmethod
    def from_bytes(cls, data: bytes) -> ProtectedTemplate:
        """Read one container. Raises FormatError for anything else."""
        from stc.protection.container import unpack

        return unpack(data)


def id_to_name(record_id: RecordId) -> bytes:
    """A record id as bytes that begin with its type. Raises TemplateError."""
    if isinstance(record_id, str):
        try:
            kind, data = _TEXT, record_id.encode()
        except UnicodeEncodeError:
            raise TemplateError("a record id is text that UTF-8 can express") from None
    elif isinstance(record_id, bytes):
        kind, data = _BYTES, record_id
    else:
        try:
            number = operator.index(record_id)
            kind, data = _NUMBER, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
        except (TypeError, OverflowError):
            raise TemplateError(
                "a record id is text, bytes or a whole number that is not negative"
            ) from None
    if not 1 <= len(data) <= LONGEST_ID:
        raise TemplateError(f"a record id has 1 to {LONGEST_ID} bytes, this has {len(data)}")
    return kind + data


def name_to_id(name: bytes) -> RecordId:
    """The inverse of `id_to_name`. Raises ValueError if nothing gives that name."""
    kind, data = name[:1], name[1:]
    record_id: RecordId
    if kind == _TEXT:
        record_id = data.decode()
    elif kind == _BYTES:
        record_id = data
    elif kind == _NUMBER:
        record_id = int.from_bytes(data, "big")
    else:
        raise ValueError(f"no record id has type {kind!r}")
    if not data or id_to_name(record_id) != name:
        raise ValueError("the record id is not in its shortest form")
    return record_id


def check_generation(generation: int) -> None:
    """Raise TemplateError unless it is from 0 to 65,535."""
    if not 0 <= generation <= MOST_GENERATIONS:
        raise TemplateError(f"generations are 0 to {MOST_GENERATIONS}, not {generation}")


def check_ids(ids: Sequence[RecordId], count: int) -> list[bytes]:
    """Names of so many record ids, no two alike. Raises TemplateError."""
    if len(ids) != count:
        raise TemplateError(f"{count} templates need as many record ids, there are {len(ids)}")
    names = [id_to_name(one) for one in ids]
    if len(set(names)) != count:
        raise TemplateError("two templates have one record id: they would share their noise")
    return names
