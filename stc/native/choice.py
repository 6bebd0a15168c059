"""Who does the codec's arithmetic: the native core, or numpy and plain Python.

The environment variable STC_CORE (native, portable) overrides the choice: the native core where it
was built, else the portable one. Both give the same tokens, and the same picture within 1 of 255.
"""

from __future__ import annotations

import os

from stc.errors import BackendError

VARIABLE = "STC_CORE"


def cores() -> dict[str, str]:
    """The name of every core -> why it cannot serve here, or ""."""
    from stc.native import library  # loads it

    return {"native": library.why, "portable": ""}


def choose() -> str:
    """The name of the core that serves. Raises BackendError if STC_CORE names one that cannot."""
    name, known = os.environ.get(VARIABLE, ""), cores()
    if name and name not in known:
        raise BackendError(f"{VARIABLE}={name}: there are {', '.join(known)}")
    if name and known[name]:
        raise BackendError(f"{VARIABLE}={name} cannot serve: {known[name]}")
    return name or ("portable" if known["native"] else "native")
