"""Tar files of pictures -> Parquet files of .stc files, on all cores of one machine.

A shard is one file: its rows hold the faces, and what went wrong with the others. It appears whole,
by a rename, when its last picture is done, so a run that was killed goes on with the shards that
are not there, and no picture is coded twice or lost.
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
from stc.gallery.tables import Tally, read_settings, write_manifest, write_table
from stc.gallery.tars import read_batches
from stc.gallery.workers import available_cores, pool
from stc.settings import Encoded

# Pictures coded together; more are no faster.
BATCH = 64
DEVICE_BATCH = 512


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
        return {
            **asdict(self.encoder.settings),
            "model": self.fingerprint,
            "source": self.source.name,
            "source_bytes": self.source.stat().st_size,
        }


def encode_shards(
    sources: Sequence[Path], folder: Path, encoder: Encoder, workers: int | None = None
) -> Tally:
    """Code all pictures of all tar files into `folder`, NAME.parquet for NAME.tar.

    workers: processes of one thread each, as many as there are cores if None; 1 works here.
    Shards that are there already, of the same settings, are kept. Writes manifest.csv at the end.
    Raises SettingsError, ModelError; DataError for a source that is missing or no whole tar file,
    after all others are done.
    """
    model = open_model(encoder.model)
    Limit.of(model.tables, encoder.settings)  # a level that there is not is no shard's error
    jobs = [
        Job(source, folder / f"{source.stem}.parquet", encoder, model.fingerprint)
        for source in sources
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


def _work_through(jobs: Sequence[Job], workers: int, meter: Meter) -> Iterator[Tally | StcError]:
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
    """Code one shard; an error that keeps it from being finished is returned."""
    keys: list[tuple[str, str]] = []
    rows: list[Encoded] = []
    size = read = 0
    try:
        size = job.source.stat().st_size
        together = BATCH if job.encoder.device == "cpu" else DEVICE_BATCH
        for batch in read_batches(job.source, together):
            keys += batch.names
            rows += job.encoder.encode(batch.pictures)
            _report(batch.position - read, len(batch.names))
            read = batch.position
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        return DataError(f"{job.source} is no whole tar file: {error}")
    except StcError as error:
        return error
    finally:
        _report(size - read, 0)
    return write_table(job.target, job.settings, keys, rows)
