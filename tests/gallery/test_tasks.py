"""If a worker process is killed, only the item it worked on is lost."""

import pytest

from stc.errors import DataError, StcError
from stc.gallery import shards, tasks
from stc.gallery.meter import Counts
from tests.gallery.tarfiles import picture, rows, write_tar
from tests.gallery.victims import KILL, Victim, start_and_end, work


def test_every_item_but_those_of_killed_processes_is_done():
    items = [2, "kill", 3, "end", 4]
    counts = Counts(len(items))
    found = list(tasks.share(work, items, 2, counts, lambda: None))
    assert sorted(found, key=str) == [("end", None), ("kill", None), (2, 4), (3, 9), (4, 16)]
    assert counts.sums == (50, 5)


def test_what_a_function_raises_is_raised():
    with pytest.raises(RuntimeError, match="fail"):
        list(tasks.share(work, ["fail", 2], 2, Counts(2), lambda: None))


def test_processes_that_end_at_nothing_are_an_error(monkeypatch):
    """Otherwise new processes would be started without end."""
    monkeypatch.setattr(tasks, "_start", start_and_end)
    with pytest.raises(StcError, match="ended from outside"):
        list(tasks.share(work, [2, 3], 2, Counts(2), lambda: None))


def test_the_shard_of_a_killed_worker_is_named(tmp_path, capsys):
    sources = [
        write_tar(tmp_path / f"in-{n}.tar", {f"{n}.webp": KILL if n == 1 else picture(n)})
        for n in range(2)
    ]
    out = tmp_path / "out"
    victim = Victim(align="never", effort=0)
    with pytest.raises(DataError, match=r"1 of 2 shards failed; the first: .*in-1\.tar: .*killed"):
        shards.encode_shards(sources, out, victim, workers=2)
    assert "in-1.tar: the process that encoded it was killed" in capsys.readouterr().err
    assert rows(out / "in-0.parquet")[0]["error"] is None
    assert len((out / "manifest.csv").read_text().splitlines()) == 2
    write_tar(sources[1], {"1.webp": picture(1)})
    assert shards.encode_shards(sources, out, victim, workers=1).faces == 2
