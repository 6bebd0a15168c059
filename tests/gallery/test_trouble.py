"""Full disks, vanishing folders, killed processes: no shard is lost or incomplete."""

import contextlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stc.cli.main import main
from stc.errors import DataError, StcError
from stc.gallery import shards, tables
from tests.gallery.tarfiles import ENCODER, picture, rows, write_tar
from tests.gallery.victims import Remover

AGAIN = "run the same command again"


@pytest.fixture
def sources(tmp_path):
    return [write_tar(tmp_path / f"in-{n}.tar", {f"{n}.webp": picture(n)}) for n in range(3)]


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.endswith(".partial")]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 kB. Mounting it needs root, and a system that permits it."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


def test_a_full_disk(small_disk, sources, capsys):
    """The disk is full after the first shard; then it has space for all."""
    out = small_disk / "out"
    words = ["-o", str(out), "--align", "never", "--workers", "1", "--effort", "0", "-q"]
    assert main(["encode-shards", str(sources[0]), *words]) == 0
    before = rows(out / "in-0.parquet")
    with contextlib.suppress(OSError), (small_disk / "fill").open("wb", buffering=0) as fill:
        while True:
            fill.write(bytes(1024))
    assert main(["encode-shards", *map(str, sources), *words]) == 1
    shown = capsys.readouterr().err
    assert "in-1.parquet cannot be written: No space left on device" in shown
    assert AGAIN in shown
    assert leftovers(out) == []
    assert [path.name for path in out.glob("*.parquet")] == ["in-0.parquet"]
    assert rows(out / "in-0.parquet") == before
    (small_disk / "fill").unlink()
    assert main(["encode-shards", *map(str, sources), *words]) == 0
    assert len(list(out.glob("*.parquet"))) == 3


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_disk_that_fails(step, sources, tmp_path, monkeypatch):
    """If a step of writing fails, there is no shard and no leftover; other shards are unchanged."""
    out = tmp_path / "out"
    shards.encode_shards(sources[:1], out, ENCODER, workers=1)
    before = (out / "in-0.parquet").read_bytes()
    real = Path.open

    def fail(*_):
        raise OSError(28, "No space left on device")

    def open_full(path, *mode, **how):
        if path.suffix != ".partial":
            return real(path, *mode, **how)
        path.touch()
        return FullFile()

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(Path, "open", open_full)
        else:
            patch.setattr(tables.os, step, fail)
        with pytest.raises(StcError, match=rf"in-1\.parquet cannot be written: No space.*{AGAIN}"):
            shards.encode_shard(shards.Job(sources[1], out / "in-1.parquet", ENCODER, "model"))
    assert leftovers(out) == []
    assert not (out / "in-1.parquet").exists()
    assert (out / "in-0.parquet").read_bytes() == before
    assert shards.encode_shards(sources, out, ENCODER, workers=1).faces == 3


class FullFile(io.BytesIO):
    """A file on a disk that is full."""

    def write(self, _):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_that_vanishes(workers, sources, tmp_path):
    out = tmp_path / "out"
    remover = Remover(align="never", effort=0, column=str(out))
    with pytest.raises(StcError, match=r"in-\d\.parquet cannot be written: No such file.*again"):
        shards.encode_shards(sources[:workers], out, remover, workers=workers)
    assert not out.exists()
    assert list((tmp_path / "elsewhere").glob("*.parquet")) == []
    assert shards.encode_shards(sources, out, ENCODER, workers=1).faces == 3


def test_sources_that_vanish_are_their_own_error(sources, tmp_path, monkeypatch, capsys):
    real = shards.encode_shard

    def encode_shard(job, report):
        job.source.unlink(missing_ok=job.source.name == "in-0.tar")
        return real(job, report)

    monkeypatch.setattr(shards, "encode_shard", encode_shard)
    with pytest.raises(DataError, match="3 of 3 shards failed"):
        shards.encode_shards(sources, tmp_path / "out", ENCODER, workers=1)
    assert "in-1.tar cannot be read: No such file" in capsys.readouterr().err


@contextlib.contextmanager
def somebody_else():
    """Run as a user for whom file modes are enforced, also if the tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs a system with users")
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_no_permission(mode, sources, tmp_path, capsys):
    out = tmp_path / "out"
    shards.encode_shards(sources[:1], out, ENCODER, workers=1)
    before = rows(out / "in-0.parquet")
    words = ["encode-shards", *map(str, sources), "-o", str(out), "--align", "never", "-q"]
    words += ["--workers", "1", "--effort", "0", "--max-bytes", "64"]
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)  # pytest's folders are not accessible to other users
    out.chmod(mode)
    with somebody_else():
        code = main(words)
    out.chmod(0o755)
    assert code == 11
    assert "Permission denied" in capsys.readouterr().err
    assert rows(out / "in-0.parquet") == before
    assert main(words) == 0


def test_two_processes_on_one_folder(sources, tmp_path):
    """At least one succeeds; the other may fail with a message. All shards are complete."""
    out = tmp_path / "out"
    words = [sys.executable, "-m", "stc", "encode-shards", *map(str, sources), "-o", str(out)]
    words += ["--align", "never", "--workers", "1", "--effort", "0", "-q"]
    pytest.importorskip("fcntl")
    runs = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [(run.communicate()[1], run.returncode) for run in runs]
    for message, code in ends:
        assert code == 0 or "another run is writing there" in message
    assert 0 in [code for _, code in ends]
    assert sorted(row["key"] for path in out.glob("*.parquet") for row in rows(path)) == [*"012"]
    assert leftovers(out) == []


def test_a_folder_that_another_run_has(sources, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another run"):
            shards.encode_shards(sources, out, ENCODER, workers=1)


def test_a_file_system_without_locks(sources, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(DataError, match=r"out: its file system has no locks \(No locks avail"):
        shards.encode_shards(sources, tmp_path / "out", ENCODER, workers=1)


@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=pytest.mark.gate)])
def test_kill_at_random_moments(kills, tmp_path):
    """SIGKILL to runs: existing shards are complete, and in the end every picture is in one."""
    generator = random.Random(kills)  # noqa: S311
    wanted = ["x-broken"] * 12
    for number in range(12):
        members = {f"{number}-{n}.webp": picture(9 * number + n) for n in range(4)}
        wanted += [key.removesuffix(".webp") for key in members]
        members |= {"x-broken.png": b"", "x.txt": b""}
        write_tar(tmp_path / f"in-{number}.tar", members)
    out = tmp_path / "out"
    words = [sys.executable, "-m", "stc", "encode-shards", f"{tmp_path}/in-{{0..11}}.tar", "-o"]
    words += [str(out), "--align", "never", "--max-bytes", "64", "--effort", "0", "-q"]
    for round_ in range(kills):
        workers = str(generator.choice((1, 2)))
        run = subprocess.Popen([*words, "--workers", workers], start_new_session=True)
        # Half of the kills come soon after a shard was written, the others at any time.
        if round_ % 2 == 0:
            there = len(list(out.glob("*.parquet")))
            while run.poll() is None and len(list(out.glob("*.parquet"))) == there:
                time.sleep(0.002)
            time.sleep(generator.uniform(0, 0.05))
        else:
            time.sleep(generator.uniform(0, 2))
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        whole = {path: rows(path) for path in out.glob("*.parquet")}
        assert {len(found) for found in whole.values()} <= {5}
        if len(whole) == 12 or round_ == kills - 1:
            subprocess.run([*words, "--workers", "1"], check=True)
            assert all(rows(path) == before for path, before in whole.items())
            found = sorted(row["key"] for path in out.glob("*.parquet") for row in rows(path))
            assert found == sorted(wanted)
            assert len((out / "manifest.csv").read_text().splitlines()) == 13
            assert leftovers(out) == []
            shutil.rmtree(out)
