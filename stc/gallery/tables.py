"""Parquet files of faces: writing them with their settings, and sums over their rows.

Parquet instead of tar: a tar file needs 1,024 bytes for a member of 192 bytes, a table little more
than 192; and other programs can query its columns of keys, qualities and errors.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stc.errors import DataError, MissingExtraError
from stc.gallery.batch import error_of
from stc.install_hint import install_hint
from stc.settings import Encoded

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    raise MissingExtraError(f"{missing.name} is missing: {install_hint('gallery')}") from missing

MANIFEST = "manifest.csv"

_SETTINGS = b"stc"  # key of the settings in a Parquet file's metadata
_PASSED = "passed_over"  # key in the settings: counts of the source's members that are not pictures
# Temporary names of files that are being written; the first two forms are of earlier releases.
_PARTIAL = re.compile(rf"\.(.+\.parquet\.\d+|{re.escape(MANIFEST)}|stc-\d+-[0-9a-f]{{8}})\.partial")


@dataclass
class Tally:
    """Sums over pictures."""

    pictures: int = 0
    bytes: int = 0
    quality: float = 0.0
    rated: int = 0  # files whose quality is known
    errors: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)  # members that are not pictures

    @property
    def faces(self) -> int:
        """The number of pictures that were encoded."""
        return self.pictures - self.errors.total()

    @property
    def means(self) -> tuple[float | None, float | None]:
        """The mean size of a file in bytes and the mean quality; None if there are no files."""
        return (
            self.bytes / self.faces if self.faces else None,
            self.quality / self.rated if self.rated else None,
        )

    def add(self, other: Tally) -> None:
        """Add the sums of another shard."""
        self.pictures += other.pictures
        self.bytes += other.bytes
        self.quality += other.quality
        self.rated += other.rated
        self.errors += other.errors
        self.passed += other.passed


def write_table(
    path: Path,
    settings: dict[str, Any],
    keys: Sequence[tuple[str, str]],
    rows: Sequence[Encoded],
    passed: Mapping[str, int] | None = None,
) -> Tally:
    """Write the Parquet file of some rows atomically, and return their sums.

    settings: stored in the file for `read_settings`. keys: key and ending of each row's picture.
    passed: number of members of the source that were passed over, by ending or kind; stored too.
    Raises OSError if the file cannot be written.
    """
    errors = [error_of(row) for row in rows]
    columns = {
        "key": pa.array([key for key, _ in keys], pa.string()),
        "ending": pa.array([ending for _, ending in keys], pa.string()),
        "stc": pa.array([row.data or None for row in rows], pa.binary()),
        "bytes": pa.array([len(row.data) or None for row in rows], pa.int32()),
        "quality": pa.array([row.quality if row.data else None for row in rows], pa.float32()),
        "error": pa.array([name or None for name, _ in errors], pa.string()),
        "message": pa.array([_printable(message) or None for _, message in errors], pa.string()),
    }
    settings = {**settings, _PASSED: dict(passed or {})}
    _write(path, pa.table(columns), settings)
    return _tally(pa.table(columns), settings)


def replace_settings(path: Path, settings: dict[str, Any]) -> None:
    """Rewrite a file of `write_table` with other settings. Raises OSError."""
    with path.open("rb") as file:
        table = pq.read_table(file)
    _write(path, table, settings)


def _write(path: Path, table: Any, settings: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    table = table.replace_schema_metadata({_SETTINGS: json.dumps(settings)})
    # Encoded faces are not compressible and have no duplicates for a dictionary.
    pq.write_table(table, buffer, compression="zstd", use_dictionary=["ending", "error"])
    _write_whole(path, buffer.getbuffer())


def _write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file under a temporary name and rename it when complete. Raises OSError."""
    # The temporary name is random, since a worker of a killed run may still write the same shard
    # for a moment, and short, since the file's name may have the maximal length.
    partial = path.with_name(f".stc-{os.getpid()}-{os.urandom(4).hex()}.partial")
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()  # frees the space if the disk is full
        raise


def read_settings(path: Path) -> dict[str, Any]:
    """The settings that `write_table` stored in a Parquet file; {} if it did not write the file.

    Raises DataError for a file that is damaged, OSError for one that cannot be read.
    """
    try:
        with path.open("rb") as file:
            kept = pq.read_schema(file).metadata or {}
        return dict(json.loads(kept.get(_SETTINGS, b"{}")))
    except (pa.ArrowException, ValueError, TypeError, OSError) as error:
        raise _damaged(path, error) from error


def write_manifest(folder: Path) -> Tally:
    """Write manifest.csv with a line for every table in the folder that `write_table` wrote.

    Returns the sums over all tables. Raises DataError for a Parquet file that is damaged, OSError
    if a file cannot be read or written.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(
        ["shard", "pictures", "faces", "bytes_mean", "quality_mean", "errors", "passed_over"]
    )
    total = Tally()
    for path in sorted(folder.glob("*.parquet")):
        settings = read_settings(path)
        if not settings:
            continue  # not written by this program
        own = _tally(_read_columns(path), settings)
        means = ["" if mean is None else f"{mean:.4f}" for mean in own.means]
        counts = [_words(own.errors), _words(own.passed)]
        # Bytes of a name that are not UTF-8 are escaped as in the names of members.
        name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
        lines.writerow([name, own.pictures, own.faces, *means, *counts])
        total.add(own)
    _write_whole(folder / MANIFEST, text.getvalue().encode())
    return total


def _read_columns(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return pq.read_table(file, columns=["bytes", "quality", "error"])
    except (pa.ArrowException, ValueError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> Exception:
    """The error for a table that pyarrow refuses; errors of the system unchanged."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return DataError(f"{path} is not a complete Parquet file: {error}; remove it")


def _words(counts: Counter[str]) -> str:
    return " ".join(f"{name}:{count}" for name, count in sorted(counts.items()))


def remove_partials(folder: Path) -> None:
    """Remove the temporary files in a folder that killed runs have left."""
    for path in folder.iterdir():
        if _PARTIAL.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _tally(table: Any, settings: dict[str, Any]) -> Tally:
    columns = table.select(["bytes", "quality", "error"]).to_pydict()
    known = [quality for quality in columns["quality"] if quality is not None]
    return Tally(
        pictures=len(columns["error"]),
        bytes=sum(size or 0 for size in columns["bytes"]),
        quality=sum(known),
        rated=len(known),
        errors=Counter(error for error in columns["error"] if error),
        passed=Counter(settings.get(_PASSED, {})),
    )


def _printable(message: str) -> str:
    """A message with characters that UTF-8 cannot encode (surrogates) escaped."""
    return message.encode("utf-8", "backslashreplace").decode()
