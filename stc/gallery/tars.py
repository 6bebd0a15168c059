"""Reading pictures from tar files in batches.

Python's tarfile stops at the first end mark, mistakes a damaged header for one, and raises other
errors than TarError for wrong headers. This module reads a file to its last byte, including
concatenated tar files, counts members that are passed over, and raises a DataError that names the
file for every kind of damage.
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

MAX_PICTURE = 1 << 26  # bytes; a longer member becomes a row with an error
MAX_HEADER = 1 << 20  # bytes of headers before a member; usual headers have some hundred

# The time of some of tarfile's regular expressions is quadratic in the number of digits.
_DIGITS = re.compile(rb"\d{300}")
# Signatures of pictures in addition to those that `sniff` recognises.
_PICTURE = re.compile(rb"GIF8[79]a|RIFF....WEBP|\0\0\0\x0cjP  |\xff\x4f\xff\x51", re.DOTALL)
# Signatures that are not sufficient: TIFF's, with which camera raw files begin too, and bare JPEG
# XL's, with which many other files begin.
_NOT_ENOUGH = (b"II*\0", b"MM\0*", b"\xff\n")
HEAD = 64  # bytes at the beginning of a member that are enough to recognise a picture
_ENDING = re.compile(r"\.[a-z0-9_]{1,8}")


Read = Callable[[], bytes]


class Batch(NamedTuple):
    """Some consecutive pictures of a tar file."""

    names: list[tuple[str, str]]  # key and ending of each picture
    pictures: list[bytes | ImageError]  # the error if a picture cannot be read from the file
    passed: Counter[str]  # members that are not pictures, by ending or kind
    position: int  # bytes of the tar file that have been read


class _Place(NamedTuple):
    """The location of a member's content in the file."""

    offset: int
    size: int
    sparse: list[tuple[int, int]] | None  # offset and size of the parts that are not zero


def read_batches(source: HashedFile, size: int) -> Iterator[Batch]:
    """The pictures of a tar file in batches of `size`, or fewer if they are large.

    A member is a picture if it has the ending (`stc.imaging.ENDINGS`) or the first bytes of one.
    The file may be compressed, and may be several tar files that were concatenated.

    Raises DataError for a file that is damaged or cannot be read.
    """
    with _named(source.path):
        yield from _read_batches(source, size)


def list_pictures(path: Path) -> Iterator[tuple[str, str | Read]]:
    """The name of each member of a tar file, and a function that reads its picture.

    A member that is not a picture has a word in place of the function: its ending or kind. The
    function raises ImageError for a picture that cannot be read from the file.
    Raises DataError, also in the function, for a file that is damaged or cannot be read.
    """

    def named(read: Read) -> bytes:
        with _named(path):
            return read()

    with _named(path), path.open("rb") as file:
        for name, found in _find_pictures(decompressed(file)):
            yield name, found if isinstance(found, str) else partial(named, found)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn any exception but ImageError into a DataError that names the file."""
    try:
        yield
    except (DataError, ImageError):
        raise
    except OSError as error:
        if error.errno is not None:  # an error of the system; gzip's have no number
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
    # Buffered, because tarfile reads 512 bytes at a time.
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
    buffered.detach()  # otherwise its destructor would close the source
    if batch.names or batch.passed:
        yield batch._replace(position=source.position)


def _find_pictures(file: io.BufferedReader) -> Iterator[tuple[str, str | Read]]:
    """The items of `list_pictures`."""
    places: dict[str, _Place] = {}
    for member in _list_members(file):
        if member.isdir():
            continue
        if member.issym() or member.isdev():
            yield member.name, "symlink" if member.issym() else "device"
            continue
        sparse: Any = member.sparse
        place: _Place | None = _Place(member.offset_data, member.size, sparse)
        if member.islnk():  # a hard link, which has no content but refers to an earlier member
            place = places.get(posixpath.normpath(member.linkname))
        if place is not None:
            places[posixpath.normpath(member.name)] = place
        word = passed_over(member.name, partial(_read_head, file, place))
        yield member.name, word or partial(_read_picture, file, place, member.linkname)


def passed_over(name: str, head: Read) -> str:
    """The word under which a file that is not a picture is counted; "" for a picture.

    head: returns the first `HEAD` bytes; called only if the name's ending is not a picture's.
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
    """A member's content.

    place: None for a hard link whose target is not an earlier member. Raises ImageError for such a
    link and for a picture that is too large, tarfile.ReadError if the file ends early.
    """
    if place is None:
        raise ImageError(
            f"it is a hard link to {_printable(target)}, which is not an earlier member"
        )
    if place.size > MAX_PICTURE:
        raise ImageError(f"the picture has {place.size} bytes, more than {MAX_PICTURE}")
    return _read(file, place, MAX_PICTURE)


def _list_members(file: io.BufferedReader) -> Iterator[tarfile.TarInfo]:
    """The members of all tar files that are concatenated in a file."""
    start: int | None = 0
    while start is not None:
        file.seek(start)
        headers: Any = _Headers(file)
        tar: Any = tarfile.TarFile(fileobj=headers, encoding="utf-8")
        end = start
        empty = tar.firstmember is None  # after which `next` of Python 3.10 seeks to byte -1
        while not empty and (member := tar.next()) is not None:
            headers.left = MAX_HEADER
            if member.size < 0 or tar.offset <= end:  # tarfile would read backward, without end
                raise tarfile.ReadError(f"a member of negative size at byte {member.offset}")
            end = tar.offset
            yield member
            tar.members.clear()  # tarfile keeps all members, which nobody needs
        start = _after_zeros(file, tar.offset)
        if start == tar.offset:  # tarfile mistook a damaged header for the end
            raise tarfile.ReadError(f"no header at byte {start}")


def _after_zeros(file: io.BufferedReader, place: int) -> int | None:
    """The offset of the first block from byte `place` on that is not all zeros; None if none is.

    In the latter case it has read to the file's end, so that checksums of compressed files were
    verified.
    """
    file.seek(place)
    while data := file.read(BUFFER):
        if rest := data.lstrip(b"\0"):
            return place + (len(data) - len(rest)) // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
        place += len(data)
    return None


def _read(file: io.BufferedReader, place: _Place, size: int) -> bytes:
    """The first `size` bytes of a member, or all if it has fewer.

    Raises tarfile.ReadError if the file ends early, ImageError for parts of a sparse member that
    overlap or lie outside it.
    """
    size = min(size, place.size)
    if place.sparse is None:
        return _exactly(file, place.offset, size)
    data = bytearray(size)
    offset, end = place.offset, 0
    for start, length in place.sparse:
        if not end <= start <= start + length <= place.size:
            raise ImageError(f"bytes {start} to {start + length} of a sparse member are misplaced")
        if part := max(0, min(length, size - start)):
            data[start : start + part] = _exactly(file, offset, part)
        offset, end = offset + length, start + length
    return bytes(data)


def _exactly(file: io.BufferedReader, offset: int, size: int) -> bytes:
    """`size` bytes from byte `offset` on. Raises tarfile.ReadError if the file has fewer."""
    file.seek(offset)
    data = file.read(size)
    if len(data) < size:
        raise tarfile.ReadError("unexpected end of data")
    return data


class _Headers:
    """The file that tarfile reads headers from, limited so that headers cannot exhaust memory or
    time.

    left: bytes that may be read before the next member.
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
    """A member's key and ending as in WebDataset: split at the first dot of the file's name.

    Bytes of a name that are not UTF-8 are written as \\x and two hex digits.
    """
    folder, slash, file = _printable(name).rpartition("/")
    key, _, ending = file.partition(".")
    return folder + slash + key, ending


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
