"""A file's digest, in whatever order it is read."""

import hashlib
import io
import tarfile

import numpy as np
import pytest

from stc.gallery.sources import CHUNK, HashedFile, same_content
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
    assert found == {
        "source_bytes": len(data),
        "source_sha256": hashlib.sha256(data).hexdigest(),
        "source_mtime_ns": path.stat().st_mtime_ns,
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
    assert same_content(path, known)
    assert same_content(path, {**known, "source_mtime_ns": 0})
    assert not same_content(path, {**known, "source_mtime_ns": 0, "source_sha256": "0"})
    assert not same_content(path, {**known, "source_bytes": 10})
    assert not same_content(path, {})
