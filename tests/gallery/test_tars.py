"""Every picture of a tar file is read or has an error; a damaged file is one DataError."""

import bz2
import gzip
import lzma
import random
import tarfile
from collections import Counter

import pytest

from stc.errors import DataError, ImageError
from stc.gallery import tars
from stc.gallery.sources import HashedFile
from stc.gallery.tars import MAX_HEADER, list_pictures, read_batches
from tests.gallery.tarfiles import link_to, picture, tar_of

BLOCK = bytes(512)
END = bytes(1024)


def read(path, data, together=100):
    """Read a tar file in bytes: names with pictures or errors, counts of passed-over members."""
    path.write_bytes(data)
    found, passed = [], Counter()
    with HashedFile(path) as source:
        for batch in read_batches(source, together):
            names = [f"{key}.{ending}" if ending else key for key, ending in batch.names]
            found += zip(names, batch.pictures, strict=True)
            passed += batch.passed
        assert source.identity()["source_bytes"] == len(data)
    return found, passed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "in.tar"


def pax(headers, data=b"1234", name="b.png"):
    """A tar file of two members; the second has a pax header."""
    return tar_of(
        {"a.png": b"a", name: (data, {"pax_headers": headers})}, format=tarfile.PAX_FORMAT
    )


def header(kind=b"0", size=b"%011o" % 0, name=b"b.png", extended=False):
    """A header block with a valid checksum and any size field."""
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2)
    block += size.ljust(12, b"\0") + b"00000000000\0" + b" " * 8 + kind
    block += bytes(100) + b"ustar\x0000" + bytes(247)
    block[482] = extended  # for sparse members: another block follows
    block[148:156] = b"%06o\0 " % sum(block)
    assert len(block) == 512
    return bytes(block)


@pytest.mark.parametrize("joint", [b"", BLOCK, BLOCK * 41])
@pytest.mark.parametrize("cut", [0, 512, 1024, None])
def test_joined_files_are_read_to_the_last(joint, cut, path):
    """As `cat` and `tar --concatenate` write them: with two, one or no zero blocks in between."""
    first, second = (tar_of({f"{name}.png": name.encode()}) for name in "ab")
    if cut is not None:
        first = first[: 1024 + cut]
    found, _ = read(path, first + joint + second + joint + first)
    assert found == [("a.png", b"a"), ("b.png", b"b"), ("a.png", b"a")]


COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("zeros", [0, 4, 4096])
@pytest.mark.parametrize("kind", COMPRESS)
def test_joined_compressed_files_are_read_to_the_last(kind, zeros, path):
    first, second = (COMPRESS[kind](tar_of({f"{name}.png": name.encode()})) for name in "ab")
    found, _ = read(path, first + bytes(zeros) + second + bytes(zeros))
    assert found == [("a.png", b"a"), ("b.png", b"b")]


@pytest.mark.parametrize("kind", COMPRESS)
def test_what_follows_compressed_files_is_not_dropped(kind, path):
    data = COMPRESS[kind](tar_of({"a.png": b"a"}))
    for more in (b"garbage", bytes(4) + b"garbage", tar_of({"b.png": b"b"}), data[:-9]):
        with pytest.raises(DataError, match=r"in\.tar is not a complete tar file"):
            read(path, data + more)


@pytest.mark.parametrize("more", [b"x", b"x" * 512, b"x" * 5000, BLOCK + b"x" * 600])
def test_what_follows_the_end_is_not_dropped(more, path):
    data = tar_of({"a.png": b"a"})
    with pytest.raises(DataError, match="no header at byte"):
        read(path, data + more + tar_of({"b.png": b"b"}))


def test_pictures_by_ending_or_by_what_they_are(path):
    members = {
        "a.jpg": b"no picture, but called one",
        "B.JPEG": picture(1, "JPEG"),
        "c.jfif": picture(2, "JPEG"),
        "d.jpe": picture(3, "JPEG"),
        "e.mpo": picture(4, "JPEG"),
        "f": picture(5, "PNG"),
        "g.jpg_large": picture(6, "JPEG"),
        "h.gif": picture(7, "GIF"),
        "i/.hidden": picture(8),
        "j.heic": b"\0\0\0\x18ftypheic" + bytes(30),
    }
    others = {
        "k.json": b"{}",
        "l.JSON": b"",
        "README": b"text",
        "m.npy": b"\x93NUMPY",
        "n.what is it": b"...",
        "folder": (b"", {"type": tarfile.DIRTYPE}),
        "o.png": link_to("a.jpg", tarfile.SYMTYPE),
        "p.png": (b"", {"type": tarfile.CHRTYPE}),
        "q.png": (b"", {"type": tarfile.FIFOTYPE}),
    }
    found, passed = read(path, tar_of({**members, **others}), together=3)
    assert dict(found) == members
    assert passed == {".json": 2, ".npy": 1, "no-ending": 1, "other": 1, "symlink": 1, "device": 2}


def test_what_is_passed_over_at_the_end_is_counted(path):
    assert read(path, tar_of({"a.txt": b"..."}))[1] == {".txt": 1}


def test_hard_links(path):
    members = {
        "before.png": link_to("a.png"),
        "a.png": b"a",
        "./d/../b.png": link_to("a.png"),
        "c.png": link_to("b.png"),
        "text": b"...",
        "d.png": link_to("nowhere.png"),
        "e.txt": link_to("nowhere.txt"),
        "f.png": link_to("f.png"),
        "g.png": b"g",
    }
    for data in (tar_of(members), gzip.compress(tar_of(members))):
        found, passed = read(path, data)
        assert [name for name, one in found if isinstance(one, ImageError)] == [
            "before.png",
            "d.png",
            "f.png",
        ]
        assert "hard link to nowhere.png" in str(dict(found)["d.png"])
        pictures = {name: one for name, one in found if isinstance(one, bytes)}
        assert pictures == {"a.png": b"a", "./d/../b.png": b"a", "c.png": b"a", "g.png": b"g"}
        assert passed == {"no-ending": 1, ".txt": 1}


def test_many_links_to_links(path):
    members = {"0.png": b"a", **{f"{n + 1}.png": link_to(f"{n}.png") for n in range(1500)}}
    found, _ = read(path, tar_of(members))
    assert {one for _, one in found} == {b"a"}
    assert len(found) == 1501


def test_sparse_members(path):
    headers = {"GNU.sparse.map": "2,3,9,1,12,0", "GNU.sparse.size": "12"}
    found, _ = read(path, pax(headers, b"abcd"))
    assert found[1] == ("b.png", b"\0\0abc\0\0\0\0d\0\0")


@pytest.mark.parametrize("parts", ["9,3", "0,13", "5,2,4,1", "-3,2", "3,-2", "0,4,13,0"])
def test_sparse_members_without_sense_are_rows(parts, path):
    found, _ = read(path, pax({"GNU.sparse.map": parts, "GNU.sparse.size": "11"}))
    assert found[0] == ("a.png", b"a")
    assert isinstance(found[1][1], ImageError)


def test_a_member_that_is_too_long_is_a_row(path, monkeypatch):
    monkeypatch.setattr(tars, "MAX_PICTURE", 100)
    found, _ = read(path, tar_of({"a.png": b"a" * 100, "b.png": b"b" * 101, "c.png": b"c"}))
    assert found[0] == ("a.png", b"a" * 100)
    assert "101 bytes" in str(found[1][1])
    assert found[2] == ("c.png", b"c")


NUMBERS = {"GNU.sparse.map": "0,x", "GNU.sparse.size": "zz"}
DAMAGED = {
    "sparse size": pax({"GNU.sparse.size": "zz"}),
    "sparse map": pax(NUMBERS),
    "sparse 1.0": pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, b"no numbers"),
    "realsize": pax({"GNU.sparse.realsize": "\N{SNOWMAN}"}),
    "negative size": pax({"size": "-2048"}),
    "slightly negative size": pax({"size": "-1"}),
    "size beyond the end": pax({"size": "99999"}),
    "size of many digits": pax({"size": "9" * 5000}),
    "base 256": header() + header(size=b"\xff" * 11 + b"\x00") + END,
    "largest base 256": header() + header(size=b"\x80" + b"\xff" * 11) + END,
    "pax of negative size": header() + header(b"x", b"\xff" * 10 + b"\xfe\x00") + END,
    "pax of 8 GiB": header() + header(b"x", b"77777777777") + END,
    "long name of 8 GiB": header() + header(b"L", b"77777777777") + END,
    "pax without a member": header() + header(b"x"),
    "headers without end": header(b"x") * 3000 + header() + END,
    "long names without end": header(b"L") * 3000 + header() + END,
    "no utf-8": header() + header(b"x", b"%011o" % 20) + b"20 hdrcharset=\xff\xff\xff\xff\n" + END,
    "digits": header(b"x", b"%011o" % MAX_HEADER) + b"1" * MAX_HEADER + header() + END,
    "sparse without end": header(b"S", extended=True),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_headers_that_are_wrong_are_one_error(name, path):
    """For these, tarfile raises various errors, exhausts the memory, or never ends."""
    with pytest.raises(DataError, match=r"in\.tar is not a complete tar file: .") as raised:
        read(path, DAMAGED[name])
    assert len(str(raised.value)) < 1000


def test_headers_are_bounded_together(path, monkeypatch):
    monkeypatch.setattr(tars, "MAX_HEADER", 1 << 15)
    numbers = b"9999999\n" + b"0\n" * (1 << 14)
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    with pytest.raises(DataError, match="bytes of headers"):
        read(path, pax(sparse, numbers))


def test_zstd_is_read_or_named(path):
    data = b"\x28\xb5\x2f\xfd" + bytes(100)
    with pytest.raises(DataError, match=r"zstd|Zstd"):
        read(path, data)


def test_a_tar_file_that_begins_like_a_compressed_one(path):
    for name in ("BZh9.png", "].png", "]"):
        data = tar_of({name: picture(1)})
        assert len(read(path, data)[0]) == 1


def test_mutations_give_rows_or_the_error(path):
    """For any bytes, reading ends, and raises no other error."""
    generator = random.Random(0)  # noqa: S311
    seeds = [tar_of({"a.png": b"a", "b.png": link_to("a.png")}), *DAMAGED.values()]
    seeds = [data[:4096] for data in seeds]
    for _ in range(300):
        data = bytearray(generator.choice(seeds))
        for _ in range(generator.randint(1, 3)):
            place = generator.randrange(len(data))
            data[place] = generator.randrange(256)
        for place in range(0, len(data) - 511, 512):  # a header is read if its checksum is right
            if generator.random() < 0.7 and any(data[place : place + 512]):
                data[place + 148 : place + 156] = b" " * 8
                total = sum(data[place : place + 512])
                data[place + 148 : place + 156] = b"%06o\0 " % total
        try:
            found, _ = read(path, bytes(data))
        except DataError:
            continue
        assert all(isinstance(one, bytes | ImageError) for _, one in found)


def test_a_source_that_cannot_be_read(path, monkeypatch):
    path.write_bytes(tar_of({"a.png": b"a"}))

    def fail(*_):
        raise OSError(5, "Input/output error")

    with HashedFile(path) as source:
        monkeypatch.setattr(source, "readinto", fail, raising=False)
        with pytest.raises(DataError, match=r"in\.tar cannot be read: Input/output error"):
            list(read_batches(source, 1))


def test_pictures_of_a_batch_are_bounded(path, monkeypatch):
    monkeypatch.setattr(tars, "MAX_PICTURE", 250)
    path.write_bytes(tar_of({f"{n}.png": bytes(100) for n in range(7)}))
    with HashedFile(path) as source:
        batches = [len(batch.names) for batch in read_batches(source, 100)]
    assert batches == [3, 3, 1]


def test_pictures_are_listed_without_being_read(path):
    members = {"a.png": b"a", "b": picture(1), "c.txt": b"", "d.png": link_to("nowhere.png")}
    path.write_bytes(gzip.compress(tar_of(members)))
    found = {}
    for name, read_one in list_pictures(path):
        if name == "d.png":
            with pytest.raises(ImageError, match="hard link"):
                read_one()
        else:
            found[name] = read_one if isinstance(read_one, str) else read_one()
    assert found == {"a.png": b"a", "b": members["b"], "c.txt": ".txt"}
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"in\.tar is not a complete tar file"):
        list(list_pictures(path))
