"""The arithmetic of protection, for numpy arrays and torch tensors alike.

`xp` is the module, numpy or torch, that the arrays belong to: one text for both, so that both
give the same answers. Everything is float32; shapes broadcast over leading dimensions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from stc.protection.template import Floats

_TINY = 1e-6  # a sine below which two directions are one, or opposite


@lru_cache(maxsize=8)
def mixing(size: int) -> Floats:
    """An orthonormal matrix [c, c]: Sylvester's Hadamard for powers of two, else the DCT-II."""
    if size & (size - 1):
        return _cosines(size)
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return np.asarray(matrix / np.sqrt(size), np.float32)


@lru_cache(maxsize=8)
def frame(groups: int, size: int, inputs: int) -> Floats:
    """A fixed tight frame [m, c, D]: projections of a vector that keep its length, taken together,
    if m * c is at least D; else orthonormal directions. From the DCT-II, a group's far apart."""
    most = max(groups * size, inputs)
    rows = _cosines(most)[: groups * size, :inputs]
    return np.ascontiguousarray(rows.reshape(size, groups, inputs).transpose(1, 0, 2))


def _cosines(size: int) -> Floats:
    """The orthonormal DCT-II [size, size]."""
    row, column = np.arange(size)[:, None], np.arange(size)
    matrix = np.cos(np.pi * row * (2 * column + 1) / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


def rotate(rows: Any, signs: Any, matrix: Any) -> Any:
    """Rotate every group by the key's signs: rows [..., m, c], signs [n, 2, m, c] -> [n, m, c].

    Twice signs and `mixing`: over all signs the mean of what comes out is zero, and its second
    moments are those of a direction drawn at random.
    """
    first = (rows * signs[:, 0]) @ matrix
    return (first * signs[:, 1]) @ matrix


def unrotate(rows: Any, signs: Any, matrix: Any) -> Any:
    """The inverse of `rotate` for rows [n, m, c]."""
    first = (rows @ matrix.T) * signs[:, 1]
    return (first @ matrix.T) * signs[:, 0]


def slerp(xp: Any, start: Any, end: Any, amount: Any) -> Any:
    """Spherical interpolation of unit vectors [..., c], `amount` [...] of the way.

    Written as a turn by amount * theta from `start` in the plane of both. Where they are parallel
    the plane does not matter, where they are opposite any does: then the axis that `start` uses
    least gives it. A `start` of zeros gives `end`.
    """
    cosine = dot(xp, start, end)
    side = end - cosine[..., None] * start
    sine = xp.sqrt(dot(xp, side, side))
    apart = sine > _TINY
    side = side / xp.where(apart, sine, xp.ones_like(sine))[..., None]
    if not bool(apart.all()):
        side = xp.where(apart[..., None], side, _at_right_angles(xp, start))
    angle = amount * xp.arctan2(sine, cosine)
    turned = xp.cos(angle)[..., None] * start + xp.sin(angle)[..., None] * side
    there = dot(xp, start, start) > 0.5
    return turned if bool(there.all()) else xp.where(there[..., None], turned, end)


def _at_right_angles(xp: Any, rows: Any) -> Any:
    """For unit vectors [..., c] a unit vector orthogonal to each, from the axis it uses least."""
    least = xp.abs(rows).argmin(-1)[..., None]
    there = {} if xp is np else {"device": rows.device}
    number = xp.arange(rows.shape[-1], **there)
    axis = xp.where(number == least, xp.ones_like(rows), xp.zeros_like(rows))
    return normalise(xp, axis - dot(xp, axis, rows)[..., None] * rows)


def dot(xp: Any, left: Any, right: Any) -> Any:
    """Inner products over the last dimension."""
    if xp is np:  # an einsum that makes no array of the products; torch's is slower than that array
        return np.einsum("...c,...c->...", left, right)
    return (left * right).sum(-1)


def across(xp: Any, rows: Any, noise: Any) -> Any:
    """The part of rows [..., c] at right angles to unit rows of noise."""
    return rows - dot(xp, rows, noise)[..., None] * noise


def normalise(xp: Any, rows: Any) -> Any:
    """Rows [..., c] with length one; rows of zeros stay zero."""
    length = xp.sqrt(dot(xp, rows, rows))[..., None]
    return rows / xp.where(length > 0, length, xp.ones_like(length))
