"""Parquet files of faces: written whole, with the settings they were made with, and summed up.

Parquet, since a tar file spends 1,024 bytes on a member of 192, a table hardly more than those; and
since a picture's key, quality and error are columns that other programs can query.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stc.errors import DataError, MissingExtraError
from stc.gallery.batch import error_of
from stc.settings import Encoded

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    raise MissingExtraError(f"{missing.name} is missing: pip install 'stc[gallery]'") from missing

MANIFEST = "manifest.csv"

_SETTINGS = b"stc"  # key of a file's own metadata, under which its settings are kept
# What is being written, before it gets its name: of a table or of the manifest.
_PARTIAL = re.compile(rf"\.(.+\.parquet\.\d+|{re.escape(MANIFEST)})\.partial")


@dataclass
class Tally:
    """Sums over pictures."""

    pictures: int = 0
    bytes: int = 0
    quality: float = 0.0
    rated: int = 0  # files whose quality is known
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def faces(self) -> int:
        """Pictures that became files."""
        return self.pictures - self.errors.total()

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Bytes a file and quality, where there are any."""
        return (
            self.bytes / self.faces if self.faces else None,
            self.quality / self.rated if self.rated else None,
        )

    def add(self, other: Tally) -> None:
        """Count another shard in."""
        self.pictures += other.pictures
        self.bytes += other.bytes
        self.quality += other.quality
        self.rated += other.rated
        self.errors += other.errors


def write_table(
    path: Path,
    settings: dict[str, Any],
    keys: Sequence[tuple[str, str]],
    rows: Sequence[Encoded],
) -> Tally:
    """Write the Parquet file of some rows, complete or not at all, and return their sums.

    keys: key and ending of each row's picture. settings: kept in the file for `read_settings`.
    """
    errors = [error_of(row) for row in rows]
    columns = {
        "key": pa.array([key for key, _ in keys], pa.string()),
        "ending": pa.array([ending for _, ending in keys], pa.string()),
        "stc": pa.array([row.data or None for row in rows], pa.binary()),
        "bytes": pa.array([len(row.data) or None for row in rows], pa.int32()),
        "quality": pa.array([row.quality if row.data else None for row in rows], pa.float32()),
        "error": pa.array([name or None for name, _ in errors], pa.string()),
        "message": pa.array([message or None for _, message in errors], pa.string()),
    }
    table = pa.table(columns).replace_schema_metadata({_SETTINGS: json.dumps(settings)})
    buffer = io.BytesIO()
    # Faces do not compress and have no duplicates that a dictionary could name.
    pq.write_table(table, buffer, compression="zstd", use_dictionary=["ending", "error"])
    # The process's number: the worker of a killed run may be at the same shard for a moment longer.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    return _tally(table)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings that `write_table` kept in a Parquet file; {} in one that it did not write.

    Raises DataError for a file that is damaged.
    """
    try:
        kept = pq.read_schema(path).metadata or {}
        return dict(json.loads(kept.get(_SETTINGS, b"{}")))
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{path} is not a complete Parquet file: {error}; remove it") from error


def write_manifest(folder: Path) -> Tally:
    """Write manifest.csv, a line for every table in the folder that `write_table` wrote.

    Returns their sum. Raises DataError for a Parquet file that is damaged.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["shard", "pictures", "faces", "bytes_mean", "quality_mean", "errors"])
    total = Tally()
    for path in sorted(folder.glob("*.parquet")):
        if not read_settings(path):
            continue  # another program's
        own = _tally(pq.read_table(path, columns=["bytes", "quality", "error"]))
        errors = " ".join(f"{name}:{count}" for name, count in sorted(own.errors.items()))
        means = ["" if mean is None else f"{mean:.4f}" for mean in own.means]
        lines.writerow([path.name, own.pictures, own.faces, *means, errors])
        total.add(own)
    partial = folder / f".{MANIFEST}.partial"
    partial.write_text(text.getvalue(), encoding="utf-8")
    os.replace(partial, folder / MANIFEST)
    return total


def remove_partials(folder: Path) -> None:
    """Remove what killed runs of `write_table` and `write_manifest` left unfinished in a folder."""
    for path in folder.iterdir():
        if _PARTIAL.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _tally(table: Any) -> Tally:
    columns = table.select(["bytes", "quality", "error"]).to_pydict()
    known = [quality for quality in columns["quality"] if quality is not None]
    return Tally(
        pictures=len(columns["error"]),
        bytes=sum(size or 0 for size in columns["bytes"]),
        quality=sum(known),
        rated=len(known),
        errors=Counter(error for error in columns["error"] if error),
    )
