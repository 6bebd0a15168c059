"""Information about a .stc file without decoding the picture; needs neither torch nor numpy."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path

from stc.bitstream import Header, decode_symbols, parse_header
from stc.bitstream.header import VERSION, split_count
from stc.bitstream.plain import TOTAL
from stc.codec.model_file import ModelFile, find_model, open_model
from stc.errors import CorruptError, WrongModelError
from stc.source import Data, bytes_of


@dataclass(frozen=True)
class FileInfo:
    """Information about a .stc file.

    `model`, `group` and `bits_per_level` are None if the file's model is not installed.
    """

    version: int
    fingerprint: str  # two bytes in hex: the file's, or the model's for a bare file
    size: int  # bytes
    overhead: int  # bytes of header and checksum; of the token count for a bare file
    tokens: int
    bpp128: float  # bits per pixel of a square of 128 pixels
    bpp256: float  # bits per pixel of a square of 256 pixels
    model: str | None
    group: int | None
    bits_per_level: tuple[float, ...] | None  # ideal code length of each residual stage's tokens


def info(data: Data, *, model: str | Path | None = None, bare: bool = False) -> FileInfo:
    """Read the header of a .stc file, and its tokens if the model is installed.

    data: the file's bytes, its path, or an open binary file.
    model: the name of a shipped model or the path of a model file; if None, the shipped model that
        the file names, or the default model for a bare file.
    bare: the file was encoded with `bare`.

    Raises FormatError if the data is not a .stc file, WrongModelError if the file needs another
    model than the given one; OSError for a file that cannot be read, TypeError if `data` has a type
    that cannot be a file. Only `decode` also checks that the payload is canonical, that is, the
    one that the encoder writes for its tokens.
    """
    file = bytes_of(data)
    known, group, per_level = None, None, None
    if bare:
        known = open_model(model)
        header = _bare_header(file, known)
    else:
        header = parse_header(file)
        if model is not None:
            known = open_model(model)
            known.check_named(header.fingerprint)
        else:
            with contextlib.suppress(WrongModelError):
                known = find_model(header.fingerprint)
    if known is not None:
        group, per_level = _spent(header, known)
    return FileInfo(
        version=header.version,
        fingerprint=header.fingerprint.hex(),
        size=len(file),
        overhead=header.overhead,
        tokens=header.tokens,
        bpp128=8 * len(file) / 128**2,
        bpp256=8 * len(file) / 256**2,
        model=None if known is None else known.name,
        group=group,
        bits_per_level=per_level,
    )


def _bare_header(data: bytes, model: ModelFile) -> Header:
    """The header that a bare file would have. Raises FormatError."""
    tokens, payload = split_count(data)
    return Header(VERSION, model.short_fingerprint, tokens, payload, len(data) - len(payload))


def _spent(header: Header, model: ModelFile) -> tuple[int, tuple[float, ...]]:
    """The group, and the bits spent on every level of which the file has tokens."""
    sizes, tokens = model.level_sizes, header.tokens
    if tokens > sum(sizes):
        raise CorruptError(f"the file states {tokens} tokens, the model has {sum(sizes)}")
    group_row = [model.groups] if len(model.groups) > 1 else []
    group = decode_symbols(header.payload, group_row)[0] if group_row else 0
    rows = list(model.rows(group, tokens))
    symbols = decode_symbols(header.payload, [*group_row, *rows])[len(group_row) :]
    bits = [math.log2(TOTAL / row[s]) for row, s in zip(rows, symbols, strict=True)]
    starts = [sum(sizes[:level]) for level in range(len(sizes))]
    return group, tuple(
        sum(bits[start : start + size])
        for start, size in zip(starts, sizes, strict=True)
        if start < tokens
    )
