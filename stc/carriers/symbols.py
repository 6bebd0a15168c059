"""What QR codes can be made: their versions, error correction levels and kinds of picture.

Apart from `stc.carriers.qr`, which needs numpy and Pillow, so that help on the command line does
not have to load them.
"""

from __future__ import annotations

VERSIONS = range(1, 41)
LEVELS = ("L", "M", "Q", "H")  # of error correction: about 7, 15, 25 and 30 % may be unreadable
DEFAULT_LEVEL = "M"
KINDS = ("png", "svg", "pdf", "eps")
