"""Progress bars: where there is a terminal, and nobody asked for quiet."""

from __future__ import annotations

import logging


def hidden() -> bool | None:
    """tqdm's `disable`: True under `--quiet`, else None, which leaves it to the terminal."""
    return True if logging.getLogger("stc").level >= logging.ERROR else None
