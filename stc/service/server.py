"""Settings with which uvicorn serves the application within the limits on connections."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from stc.service.connection import connection_class
from stc.service.limits import Limits

MAX_HEADERS = 16 << 10  # bytes of a request's line and headers
_KEEP_ALIVE = 5  # seconds that an idle connection is kept open for the next request
_BACKLOG = 128  # connections that wait in the system until they are accepted


def uvicorn_settings(limits: Limits | None = None) -> dict[str, Any]:
    """Settings for `uvicorn.run`: no log of requests, and the limits on connections.

    limits: the defaults of `Limits` if None. The number of connections is at most half the number
    of files that the process may open when this is called; the other half is for connections that
    wait to be accepted, for models and for pictures.
    """
    limits, files = limits or Limits(), _max_files()
    limits = replace(limits, connections=max(1, min(limits.connections, files // 2)))
    return {
        "http": connection_class(limits),
        "ws": "none",
        "access_log": False,
        "timeout_keep_alive": _KEEP_ALIVE,
        "timeout_graceful_shutdown": math.ceil(limits.seconds),
        "h11_max_incomplete_event_size": MAX_HEADERS,
        "backlog": max(1, min(_BACKLOG, files // 4)),
    }


def _max_files() -> int:
    """The number of files that the process may have open."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 1 << 20
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
