"""What a .stc file says of itself, without decoding a picture; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stc import bitstream
from stc.codec.model_file import find_model, open_model
from stc.errors import WrongModelError


@dataclass(frozen=True)
class FileInfo:
    """Sizes are in bytes, bpp in bits per pixel of the decoded square.

    Of a file whose model is not installed the last three are unknown: None.
    """

    version: int
    fingerprint: str  # the two bytes that the file carries, in hex
    size: int
    overhead: int  # header and checksum
    tokens: int
    bpp128: float
    bpp256: float
    model: str | None
    group: int | None
    bits_per_level: tuple[float, ...] | None  # ideal code length of the tokens of each level


def info(data: bytes, *, model: str | Path | None = None) -> FileInfo:
    """Read the header of a .stc file, and its tokens if the model is installed.

    Raises FormatError for anything that is no sound .stc file.
    """
    header = bitstream.parse_header(data)
    bits = len(data) * 8
    known, group, per_level = None, None, None
    try:
        known = find_model(header.fingerprint) if model is None else open_model(model)
    except WrongModelError:
        pass
    else:
        group, indices = bitstream.unpack(data, known.tables)
        cost = known.tables.cost_bits(group, indices)
        ends = np.minimum(np.cumsum(known.tables.level_sizes), len(indices))
        parts = [p for p in np.split(cost, ends[:-1]) if len(p)]
        per_level = tuple(float(part.sum()) for part in parts)
    return FileInfo(
        version=header.version,
        fingerprint=header.fingerprint.hex(),
        size=len(data),
        overhead=header.overhead,
        tokens=header.tokens,
        bpp128=bits / 128**2,
        bpp256=bits / 256**2,
        model=None if known is None else known.name,
        group=group,
        bits_per_level=per_level,
    )
