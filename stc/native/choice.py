"""The choice of the codec's core: the native one, or the portable one in numpy and Python.

The default is the native core if it was built, else the portable one; the environment variable
STC_CORE (native, portable) overrides it. Both give the same tokens, and pictures that differ by at
most 1 of 255.
"""

from __future__ import annotations

import os

from stc.errors import BackendError

VARIABLE = "STC_CORE"


def cores() -> dict[str, str]:
    """Return for the name of every core why it is not available here, or ""."""
    from stc.native import library  # not at the top: importing it loads the library

    return {"native": library.why, "portable": ""}


def choose() -> str:
    """Return the name of the core to use.

    Raises BackendError if STC_CORE names a core that is unknown or not available here.
    """
    name, known = os.environ.get(VARIABLE, ""), cores()
    if name and name not in known:
        raise BackendError(f"{VARIABLE}={name}: there are {', '.join(known)}")
    if name and known[name]:
        raise BackendError(f"{VARIABLE}={name} is not available: {known[name]}")
    return name or ("portable" if known["native"] else "native")
