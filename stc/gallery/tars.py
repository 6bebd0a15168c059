"""Pictures out of tar files, a batch at a time, and the names of many tar files from a pattern."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from stc.errors import DataError
from stc.gallery.sources import HashedFile
from stc.imaging import ENDINGS

BUFFER = 1 << 18  # bytes read at once
MAX_PICTURE = 1 << 26  # bytes; of a longer member the rest is not read, which makes it broken

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


class Batch(NamedTuple):
    """Some pictures of a tar file, and how much of the file is read with them."""

    names: list[tuple[str, str]]  # key and ending of each
    pictures: list[bytes]
    position: int  # bytes from the beginning of the tar file


def expand(pattern: str) -> list[str]:
    """`a-{000..099}.tar` or `{x,y}.tar` -> the names it stands for, as a shell expands it.

    Raises DataError for braces that hold neither a range nor a list.
    """
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    if range_ := _RANGE.fullmatch(found[1]):
        first, last = range_.groups()
        width = len(first) if first.startswith("0") else 0
        step = 1 if int(first) <= int(last) else -1
        words = [f"{n:0{width}}" for n in range(int(first), int(last) + step, step)]
    elif "," in found[1]:
        words = found[1].split(",")
    else:
        raise DataError(f"{pattern}: {found[0]} is neither a range {{0..9}} nor a list {{a,b}}")
    head, tail = pattern[: found.start()], pattern[found.end() :]
    return [name for word in words for name in expand(head + word + tail)]


def read_batches(source: HashedFile, size: int) -> Iterator[Batch]:
    """The pictures of a tar file, compressed or not, `size` at a time, or fewer if they are large.

    Raises tarfile.TarError, EOFError, OSError, zlib.error or lzma.LZMAError for a damaged file.
    """
    names: list[tuple[str, str]] = []
    pictures: list[bytes] = []
    # tarfile asks for 512 bytes at a time.
    buffered = io.BufferedReader(source, BUFFER)
    with tarfile.open(fileobj=buffered) as tar:
        for member in tar:
            there = member.isfile() or member.islnk()  # a link is what tar writes of a second name
            if not there or PurePosixPath(member.name).suffix.lower() not in ENDINGS:
                continue
            content = tar.extractfile(member)
            if content is None:
                continue
            names.append(split_name(member.name))
            pictures.append(content.read(MAX_PICTURE))
            if len(names) == size or sum(map(len, pictures)) >= MAX_PICTURE:
                yield Batch(names, pictures, tar.offset)
                names, pictures = [], []
        _check_end(tar)
    buffered.detach()  # or it would close the source with itself
    if names:
        yield Batch(names, pictures, source.tell())


def _check_end(tar: tarfile.TarFile) -> None:
    """Raise ReadError where tarfile itself takes a damaged header for the end."""
    if tar.fileobj is None:
        return
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(f"no header at byte {tar.offset}")
    while tar.fileobj.read(1 << 20):  # to the end, where compressed files keep their checksum
        pass


def split_name(name: str) -> tuple[str, str]:
    """A member's key and ending as WebDataset has them, cut at the first dot of the file's name.

    Bytes of a name that are not UTF-8 are written as \\x and two digits.
    """
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    folder, slash, file = name.rpartition("/")
    key, _, ending = file.partition(".")
    return folder + slash + key, ending
