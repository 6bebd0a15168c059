"""Progress bars are shown on a terminal, unless `--quiet` is given."""

from __future__ import annotations

import logging


def hidden() -> bool | None:
    """The value for tqdm's `disable`: True with `--quiet`, else None: hide it if not a terminal."""
    return True if logging.getLogger("stc").level >= logging.ERROR else None
