"""Tar files of pictures -> Parquet files of .stc files, on all cores of one machine.

A shard is one Parquet file, whose rows hold the faces, or the errors of the other pictures. It is
renamed to its final name when complete, so a run after one that was killed encodes only the
missing shards, and no picture is lost or encoded twice in a shard.
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

# Pictures per call of the encoder; larger batches are not faster.
BATCH = 64
DEVICE_BATCH = 512

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A tar file to encode (source), its shard (target), the encoder, and the model's identity."""

    source: Path
    target: Path
    encoder: Encoder
    model: str  # `ModelFile.identity`, which also covers the arrays that only an encoder uses

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that a finished shard must have to be kept, besides the source's content."""
        return {
            **asdict(self.encoder.settings),
            "model": self.model,
            "source": self.source.name,
        }


def encode_shards(
    sources: Sequence[Path], folder: Path, encoder: Encoder, workers: int | None = None
) -> Tally:
    """Encode all pictures of all tar files into `folder`, NAME.parquet for NAME.tar.

    workers: number of processes, with one thread each; with 1, this process does the work. If
        None, `stc.threads.threads()` on the CPU and 1 on another device, which processes would
        only compete for.

    Existing shards with the same settings and sources are kept. Writes manifest.csv at the end and
    returns the sums over all shards in the folder.

    Raises SettingsError for settings that are not valid, ModelError if the model cannot be loaded.
    Raises DataError before encoding if a source is missing, two sources have the same name, another
    run writes to the folder, or an existing shard has other settings or is damaged; and after all
    other shards are done, for a source that is not a complete tar file, that changed while it was
    read, or whose worker was killed (the system does so if memory runs out). Raises OSError or
    StcError at once if the folder cannot be written.
    """
    if workers is None:
        workers = threads() if encoder.device == "cpu" else 1
    model = open_model(encoder.model)
    Limit.of(model.tables, encoder.settings)  # refuse a missing stage here, not in every shard
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
    """Raise DataError for a missing source, and for two sources with the same shard."""
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
    """Hold the folder's lock, which the system releases if the process ends.

    Raises DataError if another process holds it, or if the file system has no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no fcntl
        yield
        return
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{folder}: another run is writing there") from None
        except OSError as error:
            raise DataError(
                f"{folder}: its file system has no locks ({error.strerror}), without which two "
                "runs could write there: give another folder"
            ) from error
        yield


def _is_done(job: Job) -> bool:
    """Whether the shard exists. Raises DataError if it has other settings or another source."""
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
            f"{job.target} was made from a {job.source.name} with other content than {job.source}: "
            "give another folder, or remove it"
        )
    if source is not found:
        # Saves reading the source in the next run; the shard is also valid without it.
        with contextlib.suppress(OSError):
            replace_settings(job.target, {**found, **source})
    return True


def _outcomes(jobs: Sequence[Job], workers: int, meter: Meter) -> Iterator[Tally | StcError]:
    """The result of `encode_shard` for each job, in order of completion.

    Runs in this process, or in several. Raises StcError as `encode_shard` does, and if workers are
    terminated from outside.
    """
    if min(workers, len(jobs)) <= 1:
        for index, job in enumerate(jobs):
            yield encode_shard(job, meter.report(index))
        return
    for job, outcome in share(encode_shard, jobs, workers, meter.counts, meter.show):
        if outcome is None:
            yield StcError(
                f"{job.source}: the process that encoded it was killed, perhaps because memory ran "
                "out: run the same command again, or with fewer --workers"
            )
        else:
            yield outcome


def encode_shard(job: Job, report: Report = lambda size, pictures: None) -> Tally | StcError:
    """Encode one tar file and write its shard; returns its sums, or the error that prevented it.

    report: called with the numbers of further bytes and pictures that are done.
    Raises StcError if the shard cannot be written, since the others would fail too.
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
            f"{job.target} cannot be written: {error.strerror or error}: existing shards are "
            "complete; once this is fixed, run the same command again"
        ) from error
    except Exception as error:
        return _failed(job, error)


def _failed(job: Job, error: Exception) -> StcError:
    """The DataError for a shard that failed in an unexpected way, so that the others continue."""
    _log.debug("%s failed", job.source, exc_info=error)
    return DataError(f"{job.source}: {type(error).__name__}: {error}")


def _encode(pictures: Sequence[bytes | ImageError], encoder: Encoder) -> list[Encoded]:
    """Encode pictures; one that could not be read from the tar file keeps its error."""
    coded = iter(encoder.encode([one for one in pictures if isinstance(one, bytes)]))
    return [next(coded) if isinstance(one, bytes) else Encoded(error=one) for one in pictures]
