"""Rotation and spherical interpolation of groups of features.

Everything is float32; shapes broadcast over leading dimensions.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from stc.protection.template import Floats

_TINY = 1e-6  # the sine below which two directions count as parallel or opposite


@lru_cache(maxsize=8)
def mixing(size: int) -> Floats:
    """An orthonormal matrix [c, c]: Sylvester's Hadamard matrix for powers of two, else DCT-II."""
    if size & (size - 1):
        return _cosines(size)
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return np.asarray(matrix / np.sqrt(size), np.float32)


@lru_cache(maxsize=8)
def frame(groups: int, size: int, inputs: int) -> Floats:
    """A fixed tight frame [m, c, D]: m groups of c projections of a vector with D numbers.

    If m * c >= D, all projections together preserve the vector's length; otherwise they are
    orthonormal. Rows of the DCT-II, of which those of a group are far apart in frequency.
    """
    most = max(groups * size, inputs)
    rows = _cosines(most)[: groups * size, :inputs]
    return np.ascontiguousarray(rows.reshape(size, groups, inputs).transpose(1, 0, 2))


def _cosines(size: int) -> Floats:
    """The orthonormal DCT-II [size, size]."""
    row, column = np.arange(size)[:, None], np.arange(size)
    matrix = np.cos(np.pi * row * (2 * column + 1) / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


def rotate(rows: Floats, signs: Floats, matrix: Floats) -> Floats:
    """Rotate every group by the key's signs: rows [..., m, c], signs [n, 2, m, c] -> [n, m, c].

    Multiplies by signs and by `matrix` (`mixing`), twice. Over all signs the result has mean zero
    and the second moments of a random direction.
    """
    first = np.asarray((rows * signs[:, 0]) @ matrix, np.float32)
    return np.asarray((first * signs[:, 1]) @ matrix, np.float32)


def unrotate(rows: Floats, signs: Floats, matrix: Floats) -> Floats:
    """The inverse of `rotate` for rows [n, m, c]."""
    first = np.asarray((rows @ matrix.T) * signs[:, 1], np.float32)
    return np.asarray((first @ matrix.T) * signs[:, 0], np.float32)


def slerp(start: Floats, end: Floats, amount: Floats) -> Floats:
    """Spherical interpolation of unit vectors [..., c]: `amount` [...] from 0, start, to 1, end.

    Computed as a rotation of `start` by amount * theta in the plane of both vectors. If they are
    parallel or opposite, the plane is not unique: then it is chosen with the axis in which `start`
    is smallest. A `start` of zeros returns `end`.
    """
    cosine = dot(start, end)
    side = end - cosine[..., None] * start
    sine = np.sqrt(dot(side, side))
    apart = sine > _TINY
    side = side / np.where(apart, sine, np.ones_like(sine))[..., None]
    if not apart.all():
        side = np.where(apart[..., None], side, _at_right_angles(start))
    angle = amount * np.arctan2(sine, cosine)
    turned = np.cos(angle)[..., None] * start + np.sin(angle)[..., None] * side
    there = dot(start, start) > 0.5
    if not there.all():
        turned = np.where(there[..., None], turned, end)
    return np.asarray(turned, np.float32)


def _at_right_angles(rows: Floats) -> Floats:
    """For unit vectors [..., c], a unit vector orthogonal to each, from its smallest component."""
    least = np.abs(rows).argmin(-1)[..., None]
    axis = (np.arange(rows.shape[-1]) == least).astype(rows.dtype)
    return normalise(axis - dot(axis, rows)[..., None] * rows)


def dot(left: Floats, right: Floats) -> Floats:
    """Inner products over the last dimension."""
    return np.asarray(np.einsum("...c,...c->...", left, right))  # no temporary array of products


def across(rows: Floats, noise: Floats) -> Floats:
    """The component of rows [..., c] orthogonal to unit rows of noise."""
    return rows - dot(rows, noise)[..., None] * noise


def normalise(rows: Floats) -> Floats:
    """Rows [..., c] scaled to length one; rows of zeros stay zero.

    Unlike `stc.protection.template.unit` it does not guard against overflow or underflow.
    """
    length = np.sqrt(dot(rows, rows))[..., None]
    return np.asarray(rows / np.where(length > 0, length, np.ones_like(length)))
