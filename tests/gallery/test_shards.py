"""Shards: complete or absent, with each picture exactly once."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stc
from stc.cli.encode_shards import describe
from stc.cli.main import main
from stc.codec.model_file import DEFAULT, open_model, save_model
from stc.errors import DataError
from stc.gallery import shards
from stc.gallery import sources as sources_module
from stc.gallery.batch import Encoder
from stc.gallery.patterns import expand
from stc.gallery.tables import Tally
from tests.gallery.tarfiles import ENCODER, link_to, picture, rows, tar_of, write_tar


@pytest.fixture
def sources(tmp_path):
    """Two tar files; the first also has broken pictures and other files."""
    first = {
        "a/1.webp": picture(1),
        "a/1.json": b"{}",
        "a/2.small.webp": picture(2),
        "broken.jpg": b"not a picture",
        "notes.txt": b"...",
    }
    return [
        write_tar(tmp_path / "in-0.tar", first),
        write_tar(tmp_path / "in-1.tar", {f"{n}.webp": picture(n) for n in (3, 4)}),
    ]


def test_rows_and_manifest(sources, tmp_path):
    out = tmp_path / "out"
    total = shards.encode_shards(sources, out, ENCODER, workers=1)
    first, second, third = rows(out / "in-0.parquet")
    assert [row["key"] for row in (first, second, third)] == ["a/1", "a/2", "broken"]
    assert [row["ending"] for row in (first, second, third)] == ["webp", "small.webp", "jpg"]
    assert third["error"] == "ImageError"
    assert "not a picture" in third["message"]
    assert third["stc"] is third["bytes"] is third["quality"] is None
    assert first["bytes"] == len(first["stc"]) <= 64
    assert stc.decode(first["stc"]).size == (256, 256)
    assert 0 < first["quality"] <= 1
    assert first["error"] is None
    assert (total.pictures, total.faces, total.errors) == (5, 4, {"ImageError": 1})
    header, line, other = (out / "manifest.csv").read_text().splitlines()
    assert header == "shard,pictures,faces,bytes_mean,quality_mean,errors,passed_over"
    assert line.startswith("in-0.parquet,3,2,")
    assert line.endswith(",ImageError:1,.json:1 .txt:1")
    assert other.startswith("in-1.parquet,2,2,")
    assert describe(total).startswith("5 pictures, 4 faces, ")
    assert describe(total).endswith(", 1 ImageError; skipped 1 .json, 1 .txt")


def test_what_is_there_is_kept(sources, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shards.encode_shards(sources[:1], out, ENCODER, workers=1)
    before = (out / "in-0.parquet").stat()
    (out / ".in-1.parquet.12.partial").write_bytes(b"what a killed run left")
    (out / ".manifest.csv.partial").write_bytes(b"what a killed run left")
    (out / ".stc-12-0123abcd.partial").write_bytes(b"what a killed run left")
    (out / ".movie.mp4.partial").write_bytes(b"what another program is loading")
    done = []
    real = shards.encode_shard
    monkeypatch.setattr(
        shards, "encode_shard", lambda job, report: done.append(job) or real(job, report)
    )
    monkeypatch.setattr(sources_module, "SETTLED_NS", -1)
    total = shards.encode_shards(sources, out, ENCODER, workers=1)
    assert [job.source for job in done] == sources[1:]
    assert (out / "in-0.parquet").stat() == before
    assert total.pictures == 5
    assert {path.name for path in out.iterdir()} == {
        ".lock",
        ".movie.mp4.partial",
        "in-0.parquet",
        "in-1.parquet",
        "manifest.csv",
    }
    other = Encoder(align="never", max_bytes=96, effort=0)
    with pytest.raises(DataError, match="max_bytes = 64, not 96"):
        shards.encode_shards(sources, out, other, workers=1)
    write_tar(sources[0], {f"{n}.webp": picture(n) for n in range(40)})
    with pytest.raises(DataError, match=r"a in-0\.tar with other content"):
        shards.encode_shards(sources, out, ENCODER, workers=1)


def hashed_again(monkeypatch):
    """A list to which the sources are added that are hashed to check an existing shard."""
    monkeypatch.setattr(sources_module, "SETTLED_NS", -1)
    found = []
    real = sources_module.HashedFile
    monkeypatch.setattr(sources_module, "HashedFile", lambda path: found.append(path) or real(path))
    return found


def test_a_source_is_known_by_its_content(sources, tmp_path, monkeypatch):
    """With the same name and size; the content is read again only if the time changed."""
    out = tmp_path / "out"
    shards.encode_shards(sources, out, ENCODER, workers=1)
    kept = json.loads(pq.read_schema(out / "in-0.parquet").metadata[b"stc"])
    data = sources[0].read_bytes()
    assert kept["source_sha256"] == hashlib.sha256(data).hexdigest()
    assert kept["source_bytes"] == len(data)
    assert kept["source_mtime_ns"] == sources[0].stat().st_mtime_ns
    assert kept["model"] == open_model().identity

    read = hashed_again(monkeypatch)
    shards.encode_shards(sources, out, ENCODER, workers=1)
    assert read == []
    before = rows(out / "in-0.parquet")
    os.utime(sources[0], ns=(0, 0))
    shards.encode_shards(sources, out, ENCODER, workers=1)
    assert read == sources[:1]
    assert rows(out / "in-0.parquet") == before
    shards.encode_shards(sources, out, ENCODER, workers=1)
    assert read == sources[:1]
    sources[0].write_bytes(data.replace(b"not a picture", b"nor a picture"))
    os.utime(sources[0], ns=(0, 0))
    with pytest.raises(DataError, match=r"a in-0\.tar with other content"):
        shards.encode_shards(sources, out, ENCODER, workers=1)


def test_a_model_of_another_encoder_is_another_model(sources, tmp_path):
    """The decoder's arrays, and so the fingerprint, are the same."""
    shards.encode_shards(sources[:1], tmp_path / "out", ENCODER, workers=1)
    arrays = dict(open_model().read())
    arrays["encoder.levels.0.price"] = arrays["encoder.levels.0.price"] * np.float32(2)
    other = save_model(tmp_path / "other.safetensors", DEFAULT, arrays)
    assert other.fingerprint == open_model().fingerprint
    encoder = Encoder(align="never", max_bytes=64, effort=0, model=str(other.path))
    with pytest.raises(DataError, match="was made with model"):
        shards.encode_shards(sources[:1], tmp_path / "out", encoder, workers=1)


@pytest.mark.parametrize(("device", "workers"), [("cpu", 7), ("cuda", 1)])
def test_processes_by_the_device(device, workers, sources, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(shards, "threads", lambda: 7)
    monkeypatch.setattr(shards, "_outcomes", lambda jobs, count, meter: asked.append(count) or [])
    shards.encode_shards(sources, tmp_path / "out", Encoder(device=device))
    shards.encode_shards(sources, tmp_path / "out", Encoder(device=device), workers=3)
    assert asked == [workers, 3]


@pytest.mark.parametrize("damage", ["cut", "header", "empty"])
def test_a_broken_tar_file_is_no_shard_and_stops_no_other(damage, sources, tmp_path, capsys):
    data = bytearray(sources[0].read_bytes())
    if damage == "cut":
        data = data[:1000]
    elif damage == "header":
        second = data.index(b"a/1.json")
        data[second : second + 100] = b"x" * 100
    else:
        data = b""
    sources[0].write_bytes(data)
    out = tmp_path / "out"
    with pytest.raises(DataError, match="1 of 2 shards failed"):
        shards.encode_shards(sources, out, ENCODER, workers=1)
    assert "in-0.tar is not a complete tar file" in capsys.readouterr().err
    assert not (out / "in-0.parquet").exists()
    assert len(rows(out / "in-1.parquet")) == 2


def test_sources_are_checked_first(sources, tmp_path):
    (tmp_path / "other").mkdir()
    twin = write_tar(tmp_path / "other" / "in-0.tar", {})
    with pytest.raises(DataError, match="would both be"):
        shards.encode_shards([*sources, twin], tmp_path / "out", ENCODER)
    with pytest.raises(DataError, match="other is a folder: give tar files"):
        shards.encode_shards([twin.parent], tmp_path / "out", ENCODER)
    with pytest.raises(DataError, match=r"in-2\.tar: no such file"):
        shards.encode_shards([tmp_path / "in-2.tar"], tmp_path / "out", ENCODER)
    assert not (tmp_path / "out").exists()


def test_an_empty_shard_is_a_shard(tmp_path):
    empty = write_tar(tmp_path / "empty.tar", {})
    total = shards.encode_shards([empty], tmp_path / "out", ENCODER, workers=1)
    assert rows(tmp_path / "out" / "empty.parquet") == []
    assert total.pictures == 0
    assert describe(total) == "0 pictures, 0 faces"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("plain.tar", ["plain.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{x,y}/{1..2}", ["x/1", "x/2", "y/1", "y/2"]),
    ],
)
def test_braces(pattern, names):
    assert expand(pattern) == names
    if "{" in pattern:
        shown = subprocess.check_output(["bash", "-c", f"echo {pattern}"], text=True)  # noqa: S607
        assert shown.split() == names


def test_wrong_braces(tmp_path, capsys):
    assert main(["encode-shards", "a-{x}.tar", "-o", str(tmp_path)]) == 1
    assert "neither a range" in capsys.readouterr().err


def test_a_stage_that_the_model_lacks_is_one_line(sources, tmp_path, capsys):
    words = ["encode-shards", str(sources[1]), "-o", str(tmp_path / "out"), "--align", "never"]
    assert main([*words, "--stages", "99", "--workers", "1"]) == 2
    assert "stages must be 1 to" in capsys.readouterr().err


def test_names_that_are_not_utf8_are_kept_readable(tmp_path):
    data = picture(1)
    with tarfile.open(
        tmp_path / "in.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT
    ) as tar:
        entry = tarfile.TarInfo("caf\u00e9.webp")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    shards.encode_shards([tmp_path / "in.tar"], tmp_path / "out", ENCODER, workers=1)
    (row,) = rows(tmp_path / "out/in.parquet")
    assert row["key"] == "caf\\xe9"
    assert row["error"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="where names of files are bytes")
def test_a_source_whose_name_is_not_utf8(sources, tmp_path):
    name = os.fsdecode(b"in-\xff.tar")
    sources[1].rename(tmp_path / name)
    for _ in range(2):
        assert shards.encode_shards([tmp_path / name], tmp_path / "out", ENCODER, 1).faces == 2
    assert "\nin-\\xff.parquet,2,2," in (tmp_path / "out/manifest.csv").read_text()


def test_one_bad_member_ends_no_gallery(tmp_path, capsys):
    """It is a row with an error, or an error of its shard; all other shards are made."""
    link = write_tar(tmp_path / "link.tar", {"a.webp": picture(1), "b.webp": link_to("nowhere")})
    headers = {"GNU.sparse.map": "0,x", "GNU.sparse.size": "zz"}
    sparse = tmp_path / "sparse.tar"
    sparse.write_bytes(
        tar_of({"a.webp": (picture(1), {"pax_headers": headers})}, format=tarfile.PAX_FORMAT)
    )
    good = write_tar(tmp_path / "good.tar", {"a.webp": picture(2)})
    for _ in range(2):
        with pytest.raises(DataError, match=r"1 of 3 shards failed; .*sparse\.tar is not"):
            shards.encode_shards([sparse, link, good], tmp_path / "out", ENCODER, workers=1)
        assert "sparse.tar is not a complete tar file: ValueError" in capsys.readouterr().err
        errors = [row["error"] for row in rows(tmp_path / "out/link.parquet")]
        assert errors == [None, "ImageError"]
        assert len(rows(tmp_path / "out/good.parquet")) == 1
    sparse.write_bytes(good.read_bytes())
    found = shards.encode_shards([sparse, link, good], tmp_path / "out", ENCODER, workers=1)
    assert (found.pictures, found.faces) == (4, 3)


def test_whatever_fails_is_the_error_of_its_shard(sources, tmp_path, monkeypatch, capsys):
    def fail(pictures, encoder):
        if len(pictures) == 2:
            raise MemoryError
        return real(pictures, encoder)

    real = shards._encode
    monkeypatch.setattr(shards, "_encode", fail)
    with pytest.raises(DataError, match="1 of 2 shards failed"):
        shards.encode_shards(sources[::-1], tmp_path / "out", ENCODER, workers=1)
    assert "in-1.tar: MemoryError" in capsys.readouterr().err
    assert len(rows(tmp_path / "out/in-0.parquet")) == 3


@pytest.mark.parametrize("place", [12, 200, 400])
def test_damaged_compression_stops_no_other_shard(place, sources, tmp_path, capsys):
    data = bytearray(gzip.compress(sources[0].read_bytes()))
    data[place : place + 30] = b"x" * 30
    sources[0].write_bytes(data)
    with pytest.raises(DataError, match="1 of 2 shards failed"):
        shards.encode_shards(sources, tmp_path / "out", ENCODER, workers=1)
    assert "is not a complete tar file" in capsys.readouterr().err
    assert (tmp_path / "out/in-1.parquet").exists()


def test_a_second_name_of_a_picture_is_a_picture(tmp_path):
    with tarfile.open(write_tar(tmp_path / "in.tar", {"a.webp": picture(1)}), "a") as tar:
        link = tarfile.TarInfo("b.webp")
        link.type, link.linkname = tarfile.LNKTYPE, "a.webp"
        tar.addfile(link)
    shards.encode_shards([tmp_path / "in.tar"], tmp_path / "out", ENCODER, workers=1)
    one, two = rows(tmp_path / "out/in.parquet")
    assert (one["key"], two["key"]) == ("a", "b")
    assert one["stc"] == two["stc"]


def test_other_tables_in_the_folder_are_left_alone(sources, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    pq.write_table(pa.table({"name": ["x"]}), out / "people.parquet")
    assert shards.encode_shards(sources, out, ENCODER, workers=1).pictures == 5
    assert "people" not in (out / "manifest.csv").read_text()
    (out / "in-0.parquet").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"in-0\.parquet is not a complete Parquet file"):
        shards.encode_shards(sources, out, ENCODER, workers=1)


def test_the_summary_names_the_most_common_kinds():
    passed = Counter({f".{n}": 10 - n for n in range(8)})
    shown = describe(Tally(pictures=1, passed=passed))
    assert shown.endswith("; skipped 10 .0, 9 .1, 8 .2, 7 .3, 6 .4, 5 .5, 7 others")


def test_the_usual_size_is_the_same_said_or_not(sources, tmp_path):
    shards.encode_shards(sources[:1], tmp_path / "out", Encoder(align="never"), workers=1)
    again = Encoder(align="never", max_bytes=192)
    assert shards.encode_shards(sources[:1], tmp_path / "out", again, workers=1).pictures == 3
