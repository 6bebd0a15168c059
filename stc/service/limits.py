"""The limits of a service; `stc serve` uses these defaults, and docs/service.md lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits on the cost of a request, and on the numbers of requests and connections."""

    body: int = 16 << 20  # bytes of a request's body
    pixels: int = 50_000_000  # of a picture after decompression
    size: int = 1024  # pixels along a side of a decoded face
    # For each of: sending a request's headers, sending its body, and computing its answer,
    # including the time in the queue.
    seconds: float = 10.0
    waiting: int = 64  # requests in progress or in the queue; further ones get status 503
    connections: int = 512  # open at once; at most half of the files that the process may open
