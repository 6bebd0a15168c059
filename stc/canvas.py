"""The canvas: the square picture of an aligned face that the codec encodes."""

from __future__ import annotations

CANVAS = 128  # pixels along each side; uint8 RGB
