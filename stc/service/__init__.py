"""The codec over HTTP: pictures in, bytes out, and back. Needs the extra `serve`.

What is named here is imported when it is first used: `stc serve --help` needs no web server.
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
