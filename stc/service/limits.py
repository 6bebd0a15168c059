"""The limits of a service, which `stc serve` and docs/service.md take from here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a request may cost, and how many a server holds."""

    body: int = 16 << 20  # bytes of a picture
    pixels: int = 50_000_000  # of a picture, once unpacked
    size: int = 1024  # pixels along a side of a decoded face
    # To send a request's headers, to send its body, and to be answered, waiting included.
    seconds: float = 10.0
    waiting: int = 64  # requests in work or waiting for it; more are asked to come back
    connections: int = 512  # open at once; at most half of the files that the process may open
