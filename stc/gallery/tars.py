"""Pictures out of tar files, a batch at a time.

tarfile ends at the first end mark, takes a damaged header for one, and raises more than TarError
for headers that are wrong. Here a file is read to its last byte, tar files that were joined
included; what is passed over is counted; and whatever is wrong is a DataError that names the file.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from stc.errors import DataError, ImageError
from stc.gallery.compressed import BUFFER, decompressed
from stc.gallery.sources import HashedFile
from stc.imaging.formats import ENDINGS, sniff

MAX_PICTURE = 1 << 26  # bytes; a longer member is a row with an error
MAX_HEADER = 1 << 20  # bytes of headers before a member; those of pictures have some hundred

# Some of tarfile's expressions take time by the square of a number's digits.
_DIGITS = re.compile(rb"\d{300}")
# Beside what `sniff` knows.
_PICTURE = re.compile(rb"GIF8[79]a|RIFF....WEBP|\0\0\0\x0cjP  |\xff\x4f\xff\x51", re.DOTALL)
# Raw photographs begin like TIFF, and too much else begins like a bare JPEG XL.
_NOT_ENOUGH = (b"II*\0", b"MM\0*", b"\xff\n")
HEAD = 64  # bytes that tell
_ENDING = re.compile(r"\.[a-z0-9_]{1,8}")


Read = Callable[[], bytes]


class Batch(NamedTuple):
    """Some pictures of a tar file, and how much of the file is read with them."""

    names: list[tuple[str, str]]  # key and ending of each
    pictures: list[bytes | ImageError]  # the error if a picture cannot be had from the file
    passed: Counter[str]  # members that are no pictures, by ending or kind
    position: int  # bytes from the beginning of the tar file


class _Place(NamedTuple):
    """Where a member's content is in the file."""

    offset: int
    size: int
    sparse: list[tuple[int, int]] | None  # offset and size of the parts that are not zero


def read_batches(source: HashedFile, size: int) -> Iterator[Batch]:
    """The pictures of a tar file, `size` at a time, or fewer if they are large.

    A picture is a member that its ending (`stc.imaging.ENDINGS`) or its first bytes say is one. The
    file may be compressed, and may be several tar files, one after the other.

    Raises DataError for a file that is damaged or cannot be read.
    """
    with _named(source.path):
        yield from _read_batches(source, size)


def list_pictures(path: Path) -> Iterator[tuple[str, str | Read]]:
    """The name of each member of a tar file, with a function that reads the picture.

    For what is no picture, the word under which it is passed over stands for the function: its
    ending or kind. The function raises ImageError for a picture that cannot be had from the file.
    Both raise DataError for a file that is damaged or cannot be read.
    """

    def named(read: Read) -> bytes:
        with _named(path):
            return read()

    with _named(path), path.open("rb") as file:
        for name, found in _find_pictures(decompressed(file)):
            yield name, found if isinstance(found, str) else partial(named, found)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn whatever is raised into a DataError that names the file; ImageError is a picture's."""
    try:
        yield
    except (DataError, ImageError):
        raise
    except OSError as error:
        if error.errno is not None:  # the system's, and not gzip's
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        raise _not_complete(path, str(error)) from error
    except (tarfile.TarError, EOFError) as error:
        raise _not_complete(path, str(error)) from error
    except Exception as error:
        raise _not_complete(path, f"{type(error).__name__}: {error}") from error


def _not_complete(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is not a complete tar file: {reason}")


def _read_batches(source: HashedFile, size: int) -> Iterator[Batch]:
    batch = Batch([], [], Counter(), 0)
    # tarfile asks for 512 bytes at a time.
    buffered: io.BufferedReader = io.BufferedReader(source, BUFFER)
    for name, found in _find_pictures(decompressed(buffered)):
        if isinstance(found, str):
            batch.passed[found] += 1
            continue
        batch.names.append(split_name(name))
        try:
            batch.pictures.append(found())
        except ImageError as error:
            batch.pictures.append(error)
        together = sum(len(one) for one in batch.pictures if isinstance(one, bytes))
        if len(batch.names) == size or together >= MAX_PICTURE:
            yield batch._replace(position=source.position)
            batch = Batch([], [], Counter(), 0)
    buffered.detach()  # or it would close the source with itself
    if batch.names or batch.passed:
        yield batch._replace(position=source.position)


def _find_pictures(file: io.BufferedReader) -> Iterator[tuple[str, str | Read]]:
    """What `list_pictures` gives."""
    places: dict[str, _Place] = {}
    for member in _list_members(file):
        if member.isdir():
            continue
        if member.issym() or member.isdev():
            yield member.name, "symlink" if member.issym() else "device"
            continue
        sparse: Any = member.sparse
        place: _Place | None = _Place(member.offset_data, member.size, sparse)
        if member.islnk():  # what tar writes of a file's second name
            place = places.get(posixpath.normpath(member.linkname))
        if place is not None:
            places[posixpath.normpath(member.name)] = place
        word = passed_over(member.name, partial(_read_head, file, place))
        yield member.name, word or partial(_read_picture, file, place, member.linkname)


def passed_over(name: str, head: Read) -> str:
    """The word under which a file is counted that is no picture; empty for a picture.

    head: gives the first `HEAD` bytes; called where the name's ending leaves it open.
    """
    ending = posixpath.splitext(name)[1].lower()
    if ending in ENDINGS:
        return ""
    first = head()
    if not first.startswith(_NOT_ENOUGH) and (sniff(first) or _PICTURE.match(first)):
        return ""
    return ending if _ENDING.fullmatch(ending) else "other" if ending else "no-ending"


def _read_head(file: io.BufferedReader, place: _Place | None) -> bytes:
    try:
        return b"" if place is None else _read(file, place, HEAD)
    except ImageError:
        return b""


def _read_picture(file: io.BufferedReader, place: _Place | None, target: str) -> bytes:
    """A member's content. Raises ImageError, tarfile.ReadError.

    place: None for a hard link whose target does not stand before it.
    """
    if place is None:
        raise ImageError(
            f"it is a hard link to {_printable(target)}, which does not stand before it"
        )
    if place.size > MAX_PICTURE:
        raise ImageError(f"the picture has {place.size} bytes, more than {MAX_PICTURE}")
    return _read(file, place, MAX_PICTURE)


def _list_members(file: io.BufferedReader) -> Iterator[tarfile.TarInfo]:
    """The members of all tar files that stand in a file one after the other."""
    start: int | None = 0
    while start is not None:
        file.seek(start)
        headers: Any = _Headers(file)
        tar: Any = tarfile.TarFile(fileobj=headers, encoding="utf-8")
        end = start
        while (member := tar.next()) is not None:
            headers.left = MAX_HEADER
            if member.size < 0 or tar.offset <= end:  # tarfile would go back, and for ever
                raise tarfile.ReadError(f"a member of negative size at byte {member.offset}")
            end = tar.offset
            yield member
            tar.members.clear()  # they are kept for nothing
        start = _after_zeros(file, tar.offset)
        if start == tar.offset:  # tarfile takes a damaged header for the end
            raise tarfile.ReadError(f"no header at byte {start}")


def _after_zeros(file: io.BufferedReader, place: int) -> int | None:
    """The first block from byte `place` on that is not all zeros; None if there is none.

    Reads to the file's end, where compressed files keep their checksum.
    """
    file.seek(place)
    while data := file.read(BUFFER):
        if rest := data.lstrip(b"\0"):
            return place + (len(data) - len(rest)) // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
        place += len(data)
    return None


def _read(file: io.BufferedReader, place: _Place, size: int) -> bytes:
    """The first `size` bytes of a member, or all if it has fewer.

    Raises tarfile.ReadError if the file ends before, ImageError for parts that have no place.
    """
    size = min(size, place.size)
    if place.sparse is None:
        return _exactly(file, place.offset, size)
    data = bytearray(size)
    offset, end = place.offset, 0
    for start, length in place.sparse:
        if not end <= start <= start + length <= place.size:
            raise ImageError(f"bytes {start} to {start + length} of a sparse member have no place")
        if part := max(0, min(length, size - start)):
            data[start : start + part] = _exactly(file, offset, part)
        offset, end = offset + length, start + length
    return bytes(data)


def _exactly(file: io.BufferedReader, offset: int, size: int) -> bytes:
    """`size` bytes from byte `offset` on. Raises tarfile.ReadError if there are fewer."""
    file.seek(offset)
    data = file.read(size)
    if len(data) < size:
        raise tarfile.ReadError("unexpected end of data")
    return data


class _Headers:
    """What tarfile reads headers from: none so large that it takes the memory or the day.

    left: bytes that may be read until the next member is there.
    """

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell
        self.left = MAX_HEADER

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise tarfile.ReadError(f"a member with more than {MAX_HEADER} bytes of headers")
        data = self._file.read(size)
        self.left -= size
        if size > tarfile.BLOCKSIZE and _DIGITS.search(data):
            raise tarfile.ReadError("a header with a number of 300 digits")
        return data


def split_name(name: str) -> tuple[str, str]:
    """A member's key and ending as WebDataset has them, cut at the first dot of the file's name.

    Bytes of a name that are not UTF-8 are written as \\x and two digits.
    """
    folder, slash, file = _printable(name).rpartition("/")
    key, _, ending = file.partition(".")
    return folder + slash + key, ending


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
