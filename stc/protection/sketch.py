"""Sketches: of every record a few whole numbers, whose inner product with a query ranks records.

The score of a record is, group by group, the cosine of two parts: of the query and of the record,
both rotated, cut, and less the noise. The record's part s, turned back by the key's rotation R, is
a direction in the faces' own space, since <M R q, s> = <q, R^T s>. But for the length of the
query's part, which is nearly the same in all records, the score is linear in q: all records
together are one matrix, and a projection onto the principal axes of the records makes it narrow.

Whoever has the key can compute a sketch from its record, and nobody else can: sketches are stored
encrypted, and never leave this machine's memory otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.errors import TemplateError
from stc.protection.enrolment import chunk
from stc.protection.gallery import Gallery
from stc.protection.key import Key
from stc.protection.matching import check_drawn, evidence
from stc.protection.record_id import id_to_name
from stc.protection.rotation import across, mixing, normalise, unrotate
from stc.protection.stream import draw
from stc.protection.template import Floats, GroupedTemplate

MAX_CELLS = 2048  # dimensions of all groups: finding the axes takes their square in memory
DIMENSIONS = 128
SAMPLE = 8192  # records of which the axes are found
_MOST = 127
_DEVIATIONS = 5.0  # standard deviations that a code reaches to


def directions(gallery: Gallery, key: Key) -> Floats:
    """What N records say of their faces, in the faces' own space: unit rows [N, m, c].

    Raises WrongKeyError if a record was made with another key.
    """
    parameters = gallery.parameters
    found = np.empty(gallery.features.shape, np.float32)
    step = chunk(parameters)
    for start in range(0, len(gallery), step):
        some = slice(start, start + step)
        names = [id_to_name(one) for one in gallery.record_ids[some]]
        drawn = draw(key, parameters, names, gallery.generations[some])
        check_drawn(drawn, gallery, start)
        stored = gallery.features[some]
        if parameters.steps:
            stored = across(stored, normalise(drawn.noise * (stored != 0)))
        found[some] = unrotate(normalise(stored), drawn.signs, mixing(parameters.size))
    return found


@dataclass(frozen=True, eq=False)
class Sketcher:
    """axes: orthonormal rows, float32 [D, m * c]. steps: what a code of each axis counts [D]."""

    axes: Floats
    steps: Floats

    @classmethod
    def of(cls, found: Floats, dimensions: int) -> Sketcher:
        """The D axes along which the directions [N, m, c] of some records have the most energy.

        Raises TemplateError for records of too many dimensions.
        """
        rows = found.reshape(len(found), -1)
        if rows.shape[1] > MAX_CELLS:
            raise TemplateError(
                f"an index is for records of up to {MAX_CELLS} dimensions, not {rows.shape[1]}"
            )
        energies, axes = np.linalg.eigh(rows.T @ rows / np.float32(len(rows)))
        count = min(dimensions, rows.shape[1])
        largest = np.sqrt(np.maximum(energies[::-1][:count], 1e-12))
        return cls(
            np.ascontiguousarray(axes.T[::-1][:count], np.float32),
            np.asarray(largest * (_DEVIATIONS / _MOST), np.float32),
        )

    def codes(self, found: Floats) -> npt.NDArray[np.int8]:
        """The sketches of directions [N, m, c]: int8 [N, D]."""
        values = np.rint(found.reshape(len(found), -1) @ self.axes.T / self.steps)
        return np.asarray(np.clip(values, -_MOST, _MOST), np.int8)

    def query(self, template: GroupedTemplate) -> Floats:
        """Numbers [D] whose inner product with a record's codes is higher the more alike it is."""
        rows, weights = evidence(template.features[None], template.weights[None])
        return np.asarray((self.axes @ (rows * weights[..., None]).ravel()) * self.steps)
