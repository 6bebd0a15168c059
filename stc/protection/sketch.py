"""Sketches: a short vector of integers for every record, whose inner product with a query ranks it.

In every group, the score of a record is the cosine of the query's and the record's component: both
rotated, without the dropped dimensions and without the noise. The record's component s, rotated
back by the key's rotation R, is a direction in the space of plain features, since
<M R q, s> = <q, R^T s> with M the mask of kept dimensions. Apart from the length of the query's
component, which is nearly the same for all records, the score is linear in q: all records together
are one matrix, and a projection onto the principal axes of the records reduces its columns.

A sketch can be computed from its record only with the key. Sketches are therefore stored
encrypted, and exist in plain form only in memory.
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

MAX_CELLS = 2048  # dimensions of all groups: computing the axes takes their square in memory
DIMENSIONS = 128  # of a sketch, by default
SAMPLE = 8192  # records from which the axes are computed
_MAX_CODE = 127
_DEVIATIONS = 5.0  # standard deviations that _MAX_CODE stands for


def directions(gallery: Gallery, key: Key) -> Floats:
    """The components of N records without noise, rotated back: unit rows [N, m, c].

    They are directions in the space of plain features. Raises WrongKeyError if a record was made
    with another key.
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
    """Computes sketches of D dimensions.

    axes: orthonormal rows, float32 [D, m * c]. steps: quantizer step of each axis, float32 [D].
    """

    axes: Floats
    steps: Floats

    @classmethod
    def of(cls, found: Floats, dimensions: int) -> Sketcher:
        """The sketcher with the `dimensions` principal axes of some directions [N, m, c].

        There are at most m * c axes. Raises TemplateError for records with more than 2,048
        dimensions.
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
            np.asarray(largest * (_DEVIATIONS / _MAX_CODE), np.float32),
        )

    def codes(self, found: Floats) -> npt.NDArray[np.int8]:
        """The sketches of directions [N, m, c] as returned by `directions`: int8 [N, D]."""
        values = np.rint(found.reshape(len(found), -1) @ self.axes.T / self.steps)
        return np.asarray(np.clip(values, -_MAX_CODE, _MAX_CODE), np.int8)

    def query(self, template: GroupedTemplate) -> Floats:
        """A vector float32 [D] whose inner product with a record's sketch approximates, up to a
        factor, their score. Raises TemplateError if only empty groups of the query have weight."""
        rows, weights = evidence(template.features[None], template.weights[None])
        return np.asarray((self.axes @ (rows * weights[..., None]).ravel()) * self.steps)
