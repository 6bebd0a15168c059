"""Tar files of pictures -> Parquet files of .stc files, on all cores of one machine.

A shard is one file: its rows hold the faces, and what went wrong with the others. It appears whole,
by a rename, when its last picture is done, so a run that was killed goes on with the shards that
are not there, and no picture is coded twice or lost.

Parquet, since a tar file spends 1,024 bytes on a member of 192, a table hardly more than those; and
since the picture's key, quality and error are columns that other programs can query.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import lzma
import os
import re
import sys
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from stc.errors import DataError, MissingExtraError, StcError
from stc.imaging import ENDINGS
from stc.gallery.meter import Meter
from stc.gallery.workers import available_cores, pool

if TYPE_CHECKING:
    from stc.gallery.batch import Coded, Encoder

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    raise MissingExtraError(f"{missing.name} is missing: pip install 'stc[gallery]'") from missing

MANIFEST = "manifest.csv"
BATCH = 64  # pictures coded together, fewer if they are large; more are no faster
MOST_PICTURE = 1 << 26  # bytes; of a longer member the rest is not read, which makes it broken

_SETTINGS = b"stc"  # key of a file's own metadata, under which its settings are kept
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True)
class Job:
    """One shard: where it is, where its faces go, and how."""

    source: Path
    target: Path
    encoder: Encoder
    fingerprint: str  # of the model

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same for a shard that is there to count as done."""
        from stc.codec.codec import DEFAULT_BYTES

        settings = asdict(self.encoder)
        if settings["max_bytes"] is None and settings["level"] is None:
            settings["max_bytes"] = DEFAULT_BYTES  # said or not, it is the same
        return {
            **settings,
            "model": self.fingerprint,
            "source": self.source.name,
            "source_bytes": self.source.stat().st_size,
        }


@dataclass
class Tally:
    """Sums over pictures."""

    pictures: int = 0
    bytes: int = 0
    quality: float = 0.0
    judged: int = 0  # files whose quality is known
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
            self.quality / self.judged if self.judged else None,
        )

    def add(self, other: Tally) -> None:
        """Count another shard in."""
        self.pictures += other.pictures
        self.bytes += other.bytes
        self.quality += other.quality
        self.judged += other.judged
        self.errors += other.errors


def expand(pattern: str) -> list[str]:
    """`a-{000..099}.tar` or `{x,y}.tar` -> the names it stands for, as a shell would have it."""
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    if range_ := _RANGE.fullmatch(found[1]):
        first, last = range_.groups()
        width = len(first) if first.startswith("0") else 0
        step = 1 if int(first) <= int(last) else -1
        words = [f"{n:0{width}}" for n in range(int(first), int(last) + step, step)]
    elif "," in found[1]:
        words = found[1].split(",")
    else:
        raise DataError(f"{pattern}: {found[0]} is neither a range {{0..9}} nor a list {{a,b}}")
    head, tail = pattern[: found.start()], pattern[found.end() :]
    return [name for word in words for name in expand(head + word + tail)]


def encode_shards(
    sources: Sequence[Path], folder: Path, encoder: Encoder, workers: int | None = None
) -> Tally:
    """Code all pictures of all tar files into `folder`, NAME.parquet for NAME.tar.

    workers: processes of one thread each, as many as there are cores if None; 1 works here.
    Shards that are there already, of the same settings, are kept. Writes manifest.csv at the end.
    Raises DataError for a source that is missing or no whole tar file, after all others are done.
    """
    from stc.codec.model_file import open_model

    fingerprint = open_model(encoder.model).fingerprint
    jobs = [
        Job(source, folder / f"{source.stem}.parquet", encoder, fingerprint) for source in sources
    ]
    _check(jobs)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        for partial in folder.glob(".*.partial"):
            partial.unlink(missing_ok=True)
        waiting = [job for job in jobs if not _is_done(job)]
        broken: list[StcError] = []
        whole, left = (sum(job.source.stat().st_size for job in some) for some in (jobs, waiting))
        with Meter(whole, whole - left) as meter:
            for outcome in _work_through(waiting, workers or available_cores(), meter):
                if isinstance(outcome, StcError):
                    broken.append(outcome)
                    tqdm.write(f"stc: error: {outcome}", file=sys.stderr)
        total = write_manifest(folder)
    if broken:
        raise DataError(f"{len(broken)} of {len(jobs)} shards failed; the first: {broken[0]}")
    return total


def _check(jobs: Sequence[Job]) -> None:
    seen: dict[Path, Path] = {}
    for job in jobs:
        if not job.source.is_file():
            raise DataError(f"{job.source}: no such file")
        if job.target in seen:
            raise DataError(f"{seen[job.target]} and {job.source} would both be {job.target}")
        seen[job.target] = job.source


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which ends with the process. Raises DataError if another has it."""
    try:
        import fcntl
    except ImportError:  # no such locks on Windows
        yield
        return
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{folder}: another run is writing there") from None
        yield


def _is_done(job: Job) -> bool:
    """Whether the shard is there. Raises DataError if it was made otherwise."""
    if not job.target.exists():
        return False
    found, wanted = read_settings(job.target), job.settings
    for name, value in wanted.items():
        if found.get(name) != value:
            raise DataError(
                f"{job.target} was made with {name} = {found.get(name)}, not {value}: give "
                "another folder, or remove it"
            )
    return True


def read_settings(path: Path) -> dict[str, Any]:
    """What a table was made with; {} if not by us. Raises DataError."""
    try:
        kept = pq.read_schema(path).metadata or {}
        return dict(json.loads(kept.get(_SETTINGS, b"{}")))
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{path} is no whole Parquet file: {error}; remove it") from error


def _work_through(jobs: Sequence[Job], workers: int, meter: Meter) -> Iterator[Tally | StcError]:
    if min(workers, len(jobs)) <= 1:
        _tell_by(meter.add)
        yield from map(encode_shard, jobs)
        return
    with pool(min(workers, len(jobs)), _tell_by, meter.counts.add) as processes:
        waiting = {processes.submit(encode_shard, job) for job in jobs}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                meter.show()
                yield from (job.result() for job in done)
        except BrokenProcessPool as error:
            raise StcError(
                "a worker was killed, perhaps for want of memory: what is done is kept, give the "
                "same command again, or fewer --workers"
            ) from error
        finally:
            for job in waiting:
                job.cancel()


Tell = Callable[[int, int], None]
_tell: Tell = lambda size, pictures: None  # noqa: E731 - called with bytes and pictures just done


def _tell_by(tell: Tell) -> None:
    global _tell
    _tell = tell


def encode_shard(job: Job) -> Tally | StcError:
    """Code one shard; an error that keeps it from being finished is returned."""
    keys: list[tuple[str, str]] = []
    rows: list[Coded] = []
    size = read = 0
    try:
        size = job.source.stat().st_size
        for names, pictures, place in _batches(job.source):
            keys += names
            rows += job.encoder.encode(pictures)
            _tell(place - read, len(names))
            read = place
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        return DataError(f"{job.source} is no whole tar file: {error}")
    except StcError as error:
        return error
    finally:
        _tell(size - read, 0)
    write_table(job, keys, rows)
    return tally(
        [row.error for row in rows], [len(row.data) for row in rows], [row.quality for row in rows]
    )


def _batches(path: Path) -> Iterator[tuple[list[tuple[str, str]], list[bytes], int]]:
    """Keys and endings, and bytes, of a tar file's pictures, so many at a time; and how much of
    the file is read by then."""
    names: list[tuple[str, str]] = []
    pictures: list[bytes] = []
    with tarfile.open(path) as tar:
        for member in tar:
            there = member.isfile() or member.islnk()  # a link is what tar writes of a second name
            if not there or PurePosixPath(member.name).suffix.lower() not in ENDINGS:
                continue
            content = tar.extractfile(member)
            if content is None:
                continue
            names.append(split_name(member.name))
            pictures.append(content.read(MOST_PICTURE))
            if len(names) == BATCH or sum(map(len, pictures)) >= MOST_PICTURE:
                yield names, pictures, tar.offset
                names, pictures = [], []
        _check_end(tar)
    if names:
        yield names, pictures, path.stat().st_size


def _check_end(tar: tarfile.TarFile) -> None:
    """Raise ReadError where tarfile itself takes a damaged header for the end."""
    if tar.fileobj is None:
        return
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(f"no header at byte {tar.offset}")
    while tar.fileobj.read(1 << 20):  # to the end, where compressed files keep their checksum
        pass


def split_name(name: str) -> tuple[str, str]:
    """A member's key and ending as WebDataset has them, cut at the first dot of the file's name.

    Bytes of a name that are not UTF-8 are written as \\x and two digits."""
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    folder, slash, file = name.rpartition("/")
    key, _, ending = file.partition(".")
    return folder + slash + key, ending


def write_table(job: Job, keys: Sequence[tuple[str, str]], rows: Sequence[Coded]) -> None:
    """Write a shard's Parquet file so that it is there complete or not at all."""
    table = pa.table(
        {
            "key": pa.array([key for key, _ in keys], pa.string()),
            "ending": pa.array([ending for _, ending in keys], pa.string()),
            "stc": pa.array([row.data or None for row in rows], pa.binary()),
            "bytes": pa.array([len(row.data) or None for row in rows], pa.int32()),
            "quality": pa.array([row.quality for row in rows], pa.float32(), from_pandas=True),
            "error": pa.array([row.error or None for row in rows], pa.string()),
            "message": pa.array([row.message or None for row in rows], pa.string()),
        }
    )
    table = table.replace_schema_metadata({_SETTINGS: json.dumps(job.settings)})
    buffer = io.BytesIO()
    # Faces do not compress and have no duplicates that a dictionary could name.
    pq.write_table(table, buffer, compression="zstd", use_dictionary=["ending", "error"])
    # A name of its own: the worker of a killed run may be at the same shard for a moment longer.
    partial = job.target.with_name(f".{job.target.name}.{os.getpid()}.partial")
    with partial.open("wb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, job.target)


def write_manifest(folder: Path) -> Tally:
    """Write manifest.csv, a line for every shard in the folder; returns their sum."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["shard", "pictures", "faces", "bytes_mean", "quality_mean", "errors"])
    total = Tally()
    for path in sorted(folder.glob("*.parquet")):
        if not read_settings(path):
            continue  # somebody else's
        table = pq.read_table(path, columns=["bytes", "quality", "error"]).to_pydict()
        own = tally(table["error"], table["bytes"], table["quality"])
        errors = " ".join(f"{name}:{count}" for name, count in sorted(own.errors.items()))
        means = ["" if mean is None else f"{mean:.4f}" for mean in own.means]
        lines.writerow([path.name, own.pictures, own.faces, *means, errors])
        total.add(own)
    partial = folder / f".{MANIFEST}.partial"
    partial.write_text(text.getvalue(), encoding="utf-8")
    os.replace(partial, folder / MANIFEST)
    return total


def tally(
    errors: Sequence[str | None], sizes: Sequence[int | None], qualities: Sequence[float | None]
) -> Tally:
    """Sum up columns of one shard."""
    known = [quality for quality in qualities if quality is not None and quality == quality]
    return Tally(
        pictures=len(errors),
        bytes=sum(size or 0 for size in sizes),
        quality=sum(known),
        judged=len(known),
        errors=Counter(error for error in errors if error),
    )
