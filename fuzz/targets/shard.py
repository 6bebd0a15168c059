"""Tar files of a gallery: `encode_shard` returns a table or the error of the shard."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterable
from typing import Any, Literal

from fuzz import scratch
from fuzz.target import Target
from stc.errors import ImageError, StcError
from stc.gallery.batch import Encoder
from stc.gallery.shards import Job, encode_shard
from stc.settings import Encoded

_PAX_SIZE = "GNU.sparse.realsize"


class Refusing(Encoder):
    """An encoder that returns an error with the length of every picture, and decodes none."""

    def encode(self, pictures: Iterable[Any]) -> list[Encoded]:
        """Return an error for each picture."""
        return [Encoded(error=ImageError(f"{len(picture)} bytes")) for picture in pictures]


def answer(data: bytes) -> Any:
    """The rows of the table. Raises the error of the shard."""
    import pyarrow.parquet as parquet

    source, target = scratch.file(data, "shard.tar"), scratch.folder() / "shard.parquet"
    outcome = encode_shard(Job(source, target, Refusing(), "model"))
    if "MemoryError" in str(outcome):
        raise MemoryError(outcome)
    if isinstance(outcome, StcError):
        raise outcome
    rows = parquet.read_table(target).to_pylist()
    target.unlink()
    return rows, repr(outcome)


def repair(data: bytes, draw: random.Random) -> bytes:
    """Correct the checksum of every header and pad to whole blocks, unless data are compressed."""
    if data[257:262] != b"ustar":
        return data
    blocks = bytearray(data.ljust(-(-len(data) // 512) * 512, b"\0"))
    place = 0
    while place + 512 <= len(blocks):
        if any(blocks[place : place + 512]):
            blocks[place + 148 : place + 156] = b" " * 8
            total = sum(blocks[place : place + 512])
            blocks[place + 148 : place + 156] = b"%06o\0 " % total
        size = blocks[place + 124 : place + 136].rstrip(b"\0 ")
        kind = blocks[place + 156 : place + 157]
        length = int(size, 8) if size.isdigit() and not size.translate(None, b"01234567") else 0
        place += 512 * (1 + -(-length // 512) * (kind in b"\00xgLK7S"))
    return bytes(blocks)


def seeds() -> dict[str, bytes]:
    """Archives of pictures, links, long names, pax headers, sparse files; joined; compressed."""
    plain = _tar(tarfile.USTAR_FORMAT, [_member("a.jpg"), _member("b/c.png", 600)])
    links = _tar(
        tarfile.GNU_FORMAT,
        [
            _member("a.jpg"),
            _member("b.jpg", 0, tarfile.LNKTYPE, "a.jpg"),
            _member("n" * 120 + ".jpg"),
        ],
    )
    missing = _tar(tarfile.USTAR_FORMAT, [_member("b.jpg", 0, tarfile.LNKTYPE, "a.jpg")])
    one = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        _PAX_SIZE: "9",
        "GNU.sparse.name": "s.jpg",
    }
    old = {
        "GNU.sparse.size": "9",
        "GNU.sparse.numblocks": "1",
        "GNU.sparse.offset": "0",
        "GNU.sparse.numbytes": "4",
    }
    named = {"path": "\u00e4.png", "size": "5", "mtime": "1.5", "hdrcharset": "BINARY"}
    pax = {
        "pax": _pax(named, bytes(5)),
        "sparse-1": _pax(one, b"1\n0\n4\n".ljust(512, b"\0") + b"abcd"),
        "sparse-0": _pax(old, b"abcd"),
        "sparse-01": _pax({"GNU.sparse.map": "0,4", "GNU.sparse.size": "9"}, b"abcd"),
    }
    return {
        "plain": plain,
        "links": links,
        "missing-link": missing,
        **pax,
        "joined": plain + missing,
        **{kind: _compressed(plain, kind) for kind in ("gz", "bz2", "xz")},
        "cut": plain[:700],
        "empty": b"",
    }


def _member(
    name: str, size: int = 5, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, link
    return member


def _pax(headers: dict[str, str], content: bytes) -> bytes:
    member = _member("s.jpg", len(content))
    member.pax_headers = headers
    return _tar(tarfile.PAX_FORMAT, [member], content)


def _tar(form: Literal[0, 1, 2], members: list[tarfile.TarInfo], content: bytes = b"") -> bytes:
    """An archive that ends with exactly two empty blocks."""
    out = b""
    for member in members:
        body = content or b"x" * member.size
        out += member.tobuf(form) + body.ljust(-(-len(body) // 512) * 512, b"\0")
    return out + bytes(1024)


def _compressed(data: bytes, kind: str) -> bytes:
    import bz2
    import gzip
    import lzma

    if kind == "gz":
        return gzip.compress(data, mtime=0)
    return bz2.compress(data) if kind == "bz2" else lzma.compress(data)


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(StcError,),
    parsers=("stc.gallery.tars", "stc.gallery.shards", "tarfile"),
    repair=repair,
    max_len=8192,
    seconds=2.0,
    memory=512,
)
