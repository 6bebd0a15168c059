"""Options of QR codes: versions, error correction levels and kinds of picture.

Separate from `stc.carriers.qr`, so that the help of the command line need not import numpy and
Pillow.
"""

from __future__ import annotations

VERSIONS = range(1, 41)
LEVELS = ("L", "M", "Q", "H")  # of error correction: about 7, 15, 25 and 30 % may be unreadable
DEFAULT_LEVEL = "M"
KINDS = ("png", "svg", "pdf", "eps")
