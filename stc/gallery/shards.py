"""Tar files of pictures -> Parquet files of .stc files, on all cores of one machine.

A shard is one Parquet file: its rows hold the faces, and what went wrong with the other pictures.
It appears complete, by a rename, when its last picture is done, so a run that was killed goes on
with the shards that are not there, and no picture is coded twice or lost.
"""

from __future__ import annotations

import contextlib
import lzma
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stc.codec.limit import Limit
from stc.codec.model_file import open_model
from stc.errors import DataError, StcError
from stc.gallery.batch import Encoder
from stc.gallery.meter import Meter
from stc.gallery.sources import HashedFile, same_content
from stc.gallery.tables import (
    Tally,
    read_settings,
    remove_partials,
    write_manifest,
    write_table,
)
from stc.gallery.tars import read_batches
from stc.gallery.workers import pool
from stc.settings import Encoded
from stc.threads import threads

# Pictures coded together; more are no faster.
BATCH = 64
DEVICE_BATCH = 512


@dataclass(frozen=True)
class Job:
    """One tar file to code: where it is, where its faces go, and how."""

    source: Path
    target: Path
    encoder: Encoder
    model: str  # `ModelFile.identity`: the encoder's part counts as well

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same for a finished shard to be kept, beside the source's content."""
        return {
            **asdict(self.encoder.settings),
            "model": self.model,
            "source": self.source.name,
        }


def encode_shards(
    sources: Sequence[Path], folder: Path, encoder: Encoder, workers: int | None = None
) -> Tally:
    """Code all pictures of all tar files into `folder`, NAME.parquet for NAME.tar.

    workers: processes of one thread each; 1 works in this process. If None, `stc.threads.threads()`
        on the CPU, and 1 on another device, which processes would only contend for.

    Shards that are there already, of the same settings and sources, are kept. Writes manifest.csv
    at the end, and returns the sums over all shards in the folder.

    Raises SettingsError, ModelError. Raises DataError before anything is coded, for a source that
    is missing, for two sources of one name, for a folder that another run writes to and for a shard
    that was made otherwise or is damaged; and after all other shards are done, for a source that is
    not a complete tar file. Raises StcError if a worker is killed.
    """
    if workers is None:
        workers = threads() if encoder.device == "cpu" else 1
    model = open_model(encoder.model)
    Limit.of(model.tables, encoder.settings)  # a level that there is not is no shard's error
    jobs = [
        Job(source, folder / f"{source.stem}.parquet", encoder, model.identity)
        for source in sources
    ]
    _check(jobs)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        remove_partials(folder)
        waiting = [job for job in jobs if not _is_done(job)]
        broken: list[StcError] = []
        total, left = (sum(job.source.stat().st_size for job in some) for some in (jobs, waiting))
        with Meter(total, total - left) as meter:
            for outcome in _outcomes(waiting, workers, meter):
                if isinstance(outcome, StcError):
                    broken.append(outcome)
                    tqdm.write(f"stc: error: {outcome}", file=sys.stderr)
        tally = write_manifest(folder)
    if broken:
        raise DataError(f"{len(broken)} of {len(jobs)} shards failed; the first: {broken[0]}")
    return tally


def _check(jobs: Sequence[Job]) -> None:
    """Raise DataError for a source that is missing, and for two that would be one shard."""
    seen: dict[Path, Path] = {}
    for job in jobs:
        if not job.source.is_file():
            raise DataError(f"{job.source}: no such file")
        if job.target in seen:
            raise DataError(f"{seen[job.target]} and {job.source} would both be {job.target}")
        seen[job.target] = job.source


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
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
    """Whether the shard is there. Raises DataError if it has other settings or another source."""
    if not job.target.exists():
        return False
    found, wanted = read_settings(job.target), job.settings
    for name, value in wanted.items():
        if found.get(name) != value:
            raise DataError(
                f"{job.target} was made with {name} = {found.get(name)}, not {value}: give "
                "another folder, or remove it"
            )
    if not same_content(job.source, found):
        raise DataError(
            f"{job.target} was made from a {job.source.name} of other content than {job.source} "
            "has: give another folder, or remove it"
        )
    return True


def _outcomes(jobs: Sequence[Job], workers: int, meter: Meter) -> Iterator[Tally | StcError]:
    """What `encode_shard` returns of each job, as soon as it is done, in this process or several.

    Raises StcError if a worker is killed.
    """
    if min(workers, len(jobs)) <= 1:
        _report_to(meter.add)
        yield from map(encode_shard, jobs)
        return
    with pool(min(workers, len(jobs)), _report_to, meter.counts.add) as processes:
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


Report = Callable[[int, int], None]
_report: Report = lambda size, pictures: None  # noqa: E731 - called with bytes and pictures done


def _report_to(report: Report) -> None:
    """Where this process reports its progress: a pool's workers are told when they start."""
    global _report
    _report = report


def encode_shard(job: Job) -> Tally | StcError:
    """Code one tar file and write its shard; the error that keeps it from that is returned."""
    keys: list[tuple[str, str]] = []
    rows: list[Encoded] = []
    size = read = 0
    try:
        size = job.source.stat().st_size
        together = BATCH if job.encoder.device == "cpu" else DEVICE_BATCH
        with HashedFile(job.source) as source:
            for batch in read_batches(source, together):
                keys += batch.names
                rows += job.encoder.encode(batch.pictures)
                _report(batch.position - read, len(batch.names))
                read = batch.position
            settings = {**job.settings, **source.identity()}
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        return DataError(f"{job.source} is not a complete tar file: {error}")
    except StcError as error:
        return error
    finally:
        _report(size - read, 0)
    return write_table(job.target, settings, keys, rows)
