"""The codec over HTTP: pictures in, bytes out, and back. Needs pip install 'stc[serve]'.

What is named here is imported when it is first used: `stc serve --help` needs no web server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stc.service.app import create_app
    from stc.service.limits import Limits

__all__ = ["Limits", "create_app"]

_HOMES = {"Limits": "limits", "create_app": "app"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # found at once from now on
    return value
