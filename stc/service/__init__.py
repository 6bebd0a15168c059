"""The codec as an HTTP service: encodes pictures, decodes .stc files. Needs the extra `serve`.

The names below are imported on first use, so that `stc serve --help` works without the extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stc.lazy import lazily

if TYPE_CHECKING:
    from stc.service.app import create_app
    from stc.service.limits import Limits
    from stc.service.page import installed_page
    from stc.service.server import uvicorn_settings

__all__ = ["Limits", "create_app", "installed_page", "uvicorn_settings"]

_HOMES = {
    "Limits": "limits",
    "create_app": "app",
    "installed_page": "page",
    "uvicorn_settings": "server",
}

__getattr__ = lazily(__name__, _HOMES)
