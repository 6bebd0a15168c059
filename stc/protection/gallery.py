"""Many records of the same parameters, packed into arrays for fast matching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from stc.errors import TemplateError
from stc.protection.record import ProtectedTemplate
from stc.protection.record_id import RecordId
from stc.protection.stream import Parameters
from stc.protection.template import Floats


@dataclass(frozen=True, eq=False)
class Gallery:
    """N records with the same parameters; a sequence of ProtectedTemplate.

    features: float32 [N, m, c], 3 KB for a record of 49 groups of 16. record_ids, tags and
    generations have one entry for each record.
    """

    features: Floats
    record_ids: list[RecordId]
    parameters: Parameters
    tags: list[bytes]
    generations: list[int]

    def __repr__(self) -> str:
        return f"<Gallery of {len(self)} records>"

    @classmethod
    def of(cls, records: Sequence[ProtectedTemplate]) -> Gallery:
        """Pack records. Raises TemplateError if there are none, or if their parameters differ."""
        if not records:
            raise TemplateError("a gallery needs at least one record")
        parameters = records[0].parameters
        if any(record.parameters != parameters for record in records):
            raise TemplateError(
                "the records of a gallery must have the same shape, alpha, drop and maker"
            )
        return cls(
            np.stack([record.features for record in records]),
            [record.record_id for record in records],
            parameters,
            [record.tag for record in records],
            [record.generation for record in records],
        )

    @classmethod
    def join(cls, parts: Sequence[Gallery]) -> Gallery:
        """Concatenate galleries. Raises TemplateError for none, and if their parameters differ."""
        if not parts or any(part.parameters != parts[0].parameters for part in parts):
            raise TemplateError(
                "only galleries with the same shape, alpha, drop and maker can be joined"
            )
        return cls(
            np.concatenate([part.features for part in parts]),
            list(chain.from_iterable(part.record_ids for part in parts)),
            parts[0].parameters,
            list(chain.from_iterable(part.tags for part in parts)),
            list(chain.from_iterable(part.generations for part in parts)),
        )

    def take(self, rows: Sequence[int]) -> Gallery:
        """The gallery of the records with these indices, in this order."""
        return Gallery(
            self.features[list(rows)],
            [self.record_ids[row] for row in rows],
            self.parameters,
            [self.tags[row] for row in rows],
            [self.generations[row] for row in rows],
        )

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, row: int) -> ProtectedTemplate:
        return ProtectedTemplate(
            self.features[row],
            self.record_ids[row],
            self.parameters,
            self.tags[row],
            self.generations[row],
        )

    def __iter__(self) -> Iterator[ProtectedTemplate]:
        return (self[row] for row in range(len(self)))
