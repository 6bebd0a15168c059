"""Tar files of pictures -> Parquet files of .stc files, on all cores of one machine.

A shard is one Parquet file: its rows hold the faces, and what went wrong with the other pictures.
It appears complete, by a rename, when its last picture is done, so a run that was killed goes on
with the shards that are not there, and no picture is coded twice or lost.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stc.codec.limit import Limit
from stc.codec.model_file import open_model
from stc.errors import DataError, ImageError, StcError
from stc.gallery.batch import Encoder
from stc.gallery.meter import Meter, Report
from stc.gallery.sources import HashedFile, recognise
from stc.gallery.tables import (
    Tally,
    read_settings,
    remove_partials,
    replace_settings,
    write_manifest,
    write_table,
)
from stc.gallery.tars import read_batches
from stc.gallery.tasks import share
from stc.settings import Encoded
from stc.threads import threads

# Pictures coded together; more are no faster.
BATCH = 64
DEVICE_BATCH = 512

_log = logging.getLogger(__name__)


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
    not a complete tar file, that is changed while it is read, or whose worker is killed, by the
    system if memory runs out. Raises OSError or StcError as soon as the folder cannot be written.
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
        with Meter(total, total - left, len(waiting)) as meter:
            for outcome in _outcomes(waiting, workers, meter):
                if isinstance(outcome, StcError):
                    broken.append(outcome)
                    tqdm.write(f"stc: error: {outcome}", file=sys.stderr)
        remove_partials(folder)  # of workers that were killed
        tally = write_manifest(folder)
    if broken:
        raise DataError(f"{len(broken)} of {len(jobs)} shards failed; the first: {broken[0]}")
    return tally


def _check(jobs: Sequence[Job]) -> None:
    """Raise DataError for a source that is missing, and for two that would be one shard."""
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.source.is_dir():
            raise DataError(f"{job.source} is a folder: give tar files, such as {job.source}/*.tar")
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
        except OSError as error:
            raise DataError(
                f"{folder}: its file system keeps no locks ({error.strerror}), without which two "
                "runs could write there: give another folder"
            ) from error
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
    source = recognise(job.source, found)
    if source is None:
        raise DataError(
            f"{job.target} was made from a {job.source.name} of other content than {job.source} "
            "has: give another folder, or remove it"
        )
    if source is not found:
        # So that the source is not read the next time; a shard is as good without.
        with contextlib.suppress(OSError):
            replace_settings(job.target, {**found, **source})
    return True


def _outcomes(jobs: Sequence[Job], workers: int, meter: Meter) -> Iterator[Tally | StcError]:
    """What `encode_shard` returns of each job, as soon as it is done, in this process or several.

    Raises StcError as `encode_shard` does, and if workers are ended from outside.
    """
    if min(workers, len(jobs)) <= 1:
        for index, job in enumerate(jobs):
            yield encode_shard(job, meter.report(index))
        return
    for job, outcome in share(encode_shard, jobs, workers, meter.counts, meter.show):
        if outcome is None:
            yield StcError(
                f"{job.source}: the process that coded it was killed, perhaps for want of memory: "
                "give the same command again, or fewer --workers"
            )
        else:
            yield outcome


def encode_shard(job: Job, report: Report = lambda size, pictures: None) -> Tally | StcError:
    """Code one tar file and write its shard; an error that keeps it from that is returned.

    report: called with bytes and pictures as they are done.
    Raises StcError if the shard cannot be written, which would keep others from it, too.
    """
    keys: list[tuple[str, str]] = []
    rows: list[Encoded] = []
    passed: Counter[str] = Counter()
    read = 0
    try:
        together = BATCH if job.encoder.device == "cpu" else DEVICE_BATCH
        with HashedFile(job.source) as source:
            for batch in read_batches(source, together):
                keys += batch.names
                rows += _encode(batch.pictures, job.encoder)
                passed += batch.passed
                report(batch.position - read, len(batch.names))
                read = batch.position
            settings = {**job.settings, **source.identity()}
        report(settings["source_bytes"] - read, 0)
    except DataError as error:
        return error
    except OSError as error:
        return DataError(f"{job.source} cannot be read: {error.strerror or error}")
    except Exception as error:
        return _failed(job, error)
    try:
        return write_table(job.target, settings, keys, rows, passed)
    except OSError as error:
        raise StcError(
            f"{job.target} cannot be written: {error.strerror or error}: the shards that are there "
            "are complete; when that is mended, give the same command again"
        ) from error
    except Exception as error:
        return _failed(job, error)


def _failed(job: Job, error: Exception) -> StcError:
    """The error for a shard that failed as nobody foresaw: the others are not to blame."""
    _log.debug("%s failed", job.source, exc_info=error)
    return DataError(f"{job.source}: {type(error).__name__}: {error}")


def _encode(pictures: Sequence[bytes | ImageError], encoder: Encoder) -> list[Encoded]:
    """What became of each picture, those included that could not be had from the tar file."""
    coded = iter(encoder.encode([one for one in pictures if isinstance(one, bytes)]))
    return [next(coded) if isinstance(one, bytes) else Encoded(error=one) for one in pictures]
