"""Rotating and turning groups of features. Everything is float32; shapes broadcast over leading
dimensions.
"""

from __future__ import annotations

from functools import lru_cache

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


def rotate(rows: Floats, signs: Floats, matrix: Floats) -> Floats:
    """Rotate every group by the key's signs: rows [..., m, c], signs [n, 2, m, c] -> [n, m, c].

    Twice signs and `mixing`: over all signs the mean of what comes out is zero, and its second
    moments are those of a direction drawn at random.
    """
    first = np.asarray((rows * signs[:, 0]) @ matrix, np.float32)
    return np.asarray((first * signs[:, 1]) @ matrix, np.float32)


def unrotate(rows: Floats, signs: Floats, matrix: Floats) -> Floats:
    """The inverse of `rotate` for rows [n, m, c]."""
    first = np.asarray((rows @ matrix.T) * signs[:, 1], np.float32)
    return np.asarray((first @ matrix.T) * signs[:, 0], np.float32)


def slerp(start: Floats, end: Floats, amount: Floats) -> Floats:
    """Spherical interpolation of unit vectors [..., c], `amount` [...] of the way.

    Written as a turn by amount * theta from `start` in the plane of both. Where they are parallel
    the plane does not matter, where they are opposite any does: then the axis that `start` uses
    least gives it. A `start` of zeros gives `end`.
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
    """For unit vectors [..., c] a unit vector orthogonal to each, from the axis it uses least."""
    least = np.abs(rows).argmin(-1)[..., None]
    axis = (np.arange(rows.shape[-1]) == least).astype(rows.dtype)
    return normalise(axis - dot(axis, rows)[..., None] * rows)


def dot(left: Floats, right: Floats) -> Floats:
    """Inner products over the last dimension."""
    return np.asarray(np.einsum("...c,...c->...", left, right))  # makes no array of the products


def across(rows: Floats, noise: Floats) -> Floats:
    """The part of rows [..., c] at right angles to unit rows of noise."""
    return rows - dot(rows, noise)[..., None] * noise


def normalise(rows: Floats) -> Floats:
    """Rows [..., c] of ordinary scale with length one; rows of zeros stay zero."""
    length = np.sqrt(dot(rows, rows))[..., None]
    return np.asarray(rows / np.where(length > 0, length, np.ones_like(length)))
