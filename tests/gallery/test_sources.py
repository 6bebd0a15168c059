"""The digest of a file that is read in any order, and the check of its identity."""

import hashlib
import io
import os
import tarfile
import time

import numpy as np
import pytest

from stc.errors import DataError
from stc.gallery.sources import CHUNK, SETTLED_NS, HashedFile, recognise
from stc.gallery.tars import read_batches


@pytest.fixture
def path(tmp_path):
    data = np.random.default_rng(0).integers(0, 256, 3 * CHUNK + 17, dtype=np.uint8)
    (tmp_path / "file").write_bytes(data.tobytes())
    return tmp_path / "file"


@pytest.mark.parametrize(
    "places",
    [[], [0], [CHUNK], [2 * CHUNK + 5, 0, 100], [10, 5, 2 * CHUNK], [9 * CHUNK, 1]],
    ids=str,
)
def test_any_order_gives_the_digest_of_the_whole(path, places):
    data = path.read_bytes()
    with HashedFile(path) as file:
        for place in places:
            file.seek(place)
            assert file.read(1000) == data[place : place + 1000]
        found = file.identity()
        assert file.position == len(data)
    assert time.time_ns() - found.pop("source_read_ns") < 60e9
    assert found == {
        "source_bytes": len(data),
        "source_sha256": hashlib.sha256(data).hexdigest(),
        "source_mtime_ns": path.stat().st_mtime_ns,
        "source_ctime_ns": path.stat().st_ctime_ns,
    }


@pytest.mark.parametrize("kind", ["", "gz", "xz", "bz2"])
def test_pictures_come_with_the_digest_of_the_tar_file(tmp_path, kind):
    path = tmp_path / "in.tar"
    with tarfile.open(path, f"w:{kind}") as tar:
        for name in ("a.png", "skipped.txt", "b.png"):
            entry = tarfile.TarInfo(name)
            entry.size = 100_000
            tar.addfile(entry, io.BytesIO(name[:1].encode() * entry.size))
    with HashedFile(path) as file:
        batches = list(read_batches(file, 1))
        found = file.identity()["source_sha256"]
    assert [batch.pictures for batch in batches] == [[b"a" * 100_000], [b"b" * 100_000]]
    assert found == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_part_that_was_not_read_counts_too(path):
    with HashedFile(path) as file:
        file.read(10)
        known = file.identity()
    assert recognise(path, known)
    assert recognise(path, {**known, "source_mtime_ns": 0})
    assert not recognise(path, {**known, "source_mtime_ns": 0, "source_sha256": "0"})
    assert not recognise(path, {**known, "source_bytes": 10})
    assert not recognise(path, {})


def settled(path):
    """The file's identity, as if it had been read long after its last change."""
    with HashedFile(path) as file:
        known = file.identity()
    return {**known, "source_read_ns": known["source_ctime_ns"] + SETTLED_NS + 1}


def test_other_content_is_noticed_whatever_its_time_of_change_says(path):
    """As after `cp -p`, `rsync -t` or `touch -r`: same name, same size, same mtime."""
    known = settled(path)
    assert recognise(path, known) is known
    data = bytearray(path.read_bytes())
    data[1 << 20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(known["source_mtime_ns"], known["source_mtime_ns"]))
    assert path.stat().st_mtime_ns == known["source_mtime_ns"]
    assert recognise(path, known) is None


def test_a_copy_is_the_same_and_read_once(path):
    known = settled(path)
    os.utime(path, ns=(1, 1))
    found = recognise(path, known)
    assert found["source_sha256"] == known["source_sha256"]
    assert found["source_mtime_ns"] == 1
    found["source_read_ns"] = found["source_ctime_ns"] + SETTLED_NS + 1
    assert recognise(path, found) is found


def test_a_file_that_was_new_when_it_was_read_is_read_again(path):
    """A change within one step of the file system's clock would not be visible in its times."""
    known = settled(path)
    known["source_read_ns"] -= 1
    assert recognise(path, known) is not known
    assert recognise(path, {**known, "source_sha256": "0"}) is None


def test_a_change_while_it_is_read_is_an_error(path):
    with HashedFile(path) as file:
        file.read(10)
        with path.open("ab") as other:
            other.write(b"more")
        with pytest.raises(DataError, match="was changed while it was read"):
            file.identity()
