"""A protected template, as it is stored."""

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


@dataclass(frozen=True, eq=False)
class ProtectedTemplate:
    """What is stored of a face: nothing in it is secret, and without the key it tells nothing.

    features: float32 [m, c], of every group the kept dimensions with length one (to within the
    steps of the container, if they come from one), and zeros where dimensions were dropped.
    record_id: public, and never used twice with one key and generation.
    tag: eight bytes that the key gave this record; a wrong key is known by them.
    bits: of a kept dimension, 2 to 8, where the record is stored.
    Raises TemplateError for features, tags, generations and ids that no record has.
    """

    features: Floats
    record_id: RecordId
    parameters: Parameters
    tag: bytes
    generation: int = 0
    bits: int = 8

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
        """How far groups were turned towards the noise, 0 to 1."""
        return self.parameters.alpha

    @property
    def drop(self) -> float:
        """The share of dimensions that were dropped."""
        return self.parameters.drop

    @property
    def label(self) -> str:
        """The record id for people to read."""
        return label_of(self.record_id)

    @property
    def name(self) -> bytes:
        """The record id with its type, as bytes."""
        return id_to_name(self.record_id)

    def to_bytes(self, bits: int | None = None) -> bytes:
        """The compact container, with so many bits (2 to 8) a kept dimension if not its own."""
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
        """Read one container. Raises FormatError for anything else."""
        return cls(*unpack(data))


def read_records(
    data: bytes | BinaryIO, shape: tuple[int, int] | None = None
) -> Iterator[ProtectedTemplate]:
    """The records of containers that follow one another, as in a file of many.

    data: bytes, or a file open for reading, of which no more than a part is in memory. shape:
    groups and dimensions of a group that every record must have. Raises FormatError, and
    TemplateError for a record of another shape.
    """
    return (ProtectedTemplate(*fields) for fields in unpack_each(data, shape))
