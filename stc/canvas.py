"""The canvas: the square that pictures are framed on and that the codec codes."""

from __future__ import annotations

CANVAS = 128  # pixels along each side; uint8 RGB
