"""Records: protected templates as they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from stc.errors import TemplateError
from stc.protection.container import Fields, pack, unpack, unpack_each
from stc.protection.record_id import RecordId, id_to_name, label_of
from stc.protection.stream import TAG, Parameters, check_generation
from stc.protection.template import Floats, as_floats

DEFAULT_BITS = 8  # of a kept dimension in the container


@dataclass(frozen=True, eq=False)
class ProtectedTemplate:
    """The record of a face. No field is secret; without the key it shows nothing about the face.

    features: float32 [m, c], zero where dimensions were dropped; the kept dimensions of a group
    have length one (after reading a container, up to its quantization error).
    record_id: public, used only once per key and generation.
    parameters: shape, alpha, drop and maker.
    tag: the first eight bytes that the key gives for this record; they show whether a key is right.
    generation: how often the record was renewed, 0 to 65,535.
    bits: of a kept dimension in the container, 2 to 8.
    Raises TemplateError for features, a tag, a generation or an id that is not valid.
    """

    features: Floats
    record_id: RecordId
    parameters: Parameters
    tag: bytes
    generation: int = 0
    bits: int = DEFAULT_BITS

    def __repr__(self) -> str:
        return f"<ProtectedTemplate {self.label}, generation {self.generation}>"

    def __post_init__(self) -> None:
        shape = self.parameters.groups, self.parameters.size
        features = as_floats(self.features, 2)
        if features.shape != shape or not np.isfinite(features).all():
            raise TemplateError(f"features are {shape[0]} x {shape[1]} finite numbers")
        if len(self.tag) != TAG:
            raise TemplateError(f"a tag has {TAG} bytes, this has {len(self.tag)}")
        check_generation(self.generation)
        id_to_name(self.record_id)
        object.__setattr__(self, "features", features)

    @property
    def alpha(self) -> float:
        """How far groups were rotated towards the noise, as a share of the angle, 0 to 1."""
        return self.parameters.alpha

    @property
    def drop(self) -> float:
        """The share of dimensions that were dropped."""
        return self.parameters.drop

    @property
    def label(self) -> str:
        """The record id as printable text."""
        return label_of(self.record_id)

    @property
    def name(self) -> bytes:
        """The record id as bytes, preceded by its type."""
        return id_to_name(self.record_id)

    def to_bytes(self, bits: int | None = None) -> bytes:
        """The container of this record, with `bits` (2 to 8) a kept dimension; None: self.bits.

        Raises TemplateError for any other number of bits.
        """
        return pack(
            Fields(
                self.features,
                self.record_id,
                self.parameters,
                self.tag,
                self.generation,
                self.bits if bits is None else bits,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> ProtectedTemplate:
        """Read a container of exactly one record. Raises FormatError for any other bytes."""
        return cls(*unpack(data))


def read_records(
    data: bytes | BinaryIO, shape: tuple[int, int] | None = None
) -> Iterator[ProtectedTemplate]:
    """The records of concatenated containers, as in a file of many records.

    data: bytes, or a file open for reading, which is read in parts. shape: groups and dimensions of
    a group that every record must have, if given.
    Raises FormatError for damaged data, TemplateError for a record of another shape.
    """
    return (ProtectedTemplate(*fields) for fields in unpack_each(data, shape))
