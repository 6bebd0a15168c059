"""Search in many records: sketches rank all records, then the best get their exact scores."""

from __future__ import annotations

import io
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from stc.errors import CorruptError, FormatError, TemplateError
from stc.protection import index_file as form
from stc.protection.gallery import Gallery
from stc.protection.index_file import BLOCK, CHECK, Header
from stc.protection.key import Key
from stc.protection.matching import match_many
from stc.protection.record import ProtectedTemplate
from stc.protection.revocation import Revocations
from stc.protection.sketch import DIMENSIONS, SAMPLE, Sketcher, directions
from stc.protection.template import Floats, GroupedTemplate

CANDIDATES = 1000  # records that the first stage passes on to exact scoring


def write_index(
    file: BinaryIO,
    records: Iterable[ProtectedTemplate],
    key: Key,
    dimensions: int = DIMENSIONS,
) -> int:
    """Write an index of records to an empty, seekable file; return the number of records.

    The index contains the records unchanged, so a search needs no other file. Axes and sketches
    are encrypted under the key. The records are read in a single pass; the axes come from the first
    8,192, and no more are in memory at a time.
    dimensions: of a sketch, one byte each.
    Raises TemplateError if there are no records, if their parameters differ, or for fewer than one
    dimension; WrongKeyError if a record was made with another key.
    """
    each = iter(records)
    first = list(islice(each, SAMPLE))
    if not first:
        raise TemplateError("an index needs at least one record")
    if dimensions < 1:
        raise TemplateError(f"a sketch needs at least one dimension, not {dimensions}")
    parameters, nonce = first[0].parameters, secrets.token_bytes(form.NONCE)
    sketcher = Sketcher.of(directions(Gallery.of(first), key), dimensions)
    count = size = 0
    file.write(bytes(form.MIN_FILE))  # space for the header, which is written last
    with tempfile.TemporaryFile() as blocks:  # the sketches, already encrypted: they come last
        for number, part in enumerate(_blocks(first, each)):
            gallery = Gallery.of(part)
            if gallery.parameters != parameters:
                raise TemplateError(
                    "the records of an index must have the same shape, alpha, drop and maker"
                )
            data = [record.to_bytes() for record in part]
            lengths = np.array([len(one) for one in data], "<u2")
            codes = sketcher.codes(directions(gallery, key))
            section = form.FIRST_BLOCK + number
            blocks.write(form.seal(key, nonce, section, codes.tobytes(), lengths.tobytes()))
            size += file.write(b"".join(data))
            count += len(part)
            if count > form.MAX_COUNT:
                raise TemplateError(f"an index has at most {form.MAX_COUNT} records")
        plain = sketcher.axes.astype("<f4").tobytes() + sketcher.steps.astype("<f4").tobytes()
        file.write(form.seal(key, nonce, form.AXES, plain))
        blocks.seek(0)
        while data_of_blocks := blocks.read(1 << 20):
            file.write(data_of_blocks)
    file.seek(0)
    file.write(form.pack_header(Header(parameters, len(sketcher.axes), count, size, nonce), key))
    return count


class RecordIndex:
    """An index in a file that is open for reading, opened with its key.

    Raises FormatError for a file that is not a sound index, WrongKeyError if it was made with
    another key.
    """

    def __init__(self, file: BinaryIO, key: Key) -> None:
        self._file, self._key = file, key
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._header = form.read_header(file, length, key)
        header = self._header
        file.seek(header.axes_at)
        data = file.read(header.blocks_at - header.axes_at)
        numbers = np.frombuffer(form.unseal(key, header.nonce, form.AXES, data)[1], "<f4")
        axes = numbers[: -header.dimensions].reshape(header.dimensions, header.cells)
        if not (np.abs(numbers) <= form.MAX_AXIS).all():  # also refuses NaN
            raise CorruptError("the axes of the index have values that no index can have")
        self._sketcher = Sketcher(axes, numbers[-header.dimensions :])
        self._ends: npt.NDArray[np.int64] | None = None  # where records end, set on first use

    def __len__(self) -> int:
        return self._header.count

    @property
    def dimensions(self) -> int:
        """The number of dimensions of a sketch."""
        return self._header.dimensions

    def rough_scores(self, queries: Sequence[GroupedTemplate]) -> Floats:
        """Approximate scores of every query with every record, [Q, N].

        They have no unit: only their order within a row approximates that of the exact scores.
        Raises TemplateError for a query of another shape or maker, CorruptError for a damaged
        index.
        """
        parameters = self._header.parameters
        for query in queries:
            if (query.shape, query.maker) != (
                (parameters.groups, parameters.size),
                parameters.maker,
            ):
                raise TemplateError("the query is of another shape or maker than the index")
        wanted = np.stack([self._sketcher.query(query) for query in queries], 1)  # [D, Q]
        scores = np.empty((len(queries), len(self)), np.float32)
        lengths = np.empty(len(self), np.int64)
        start = 0
        for sizes, codes in self._read_blocks():
            some = slice(start, start + len(sizes))
            scores[:, some] = (codes.astype(np.float32) @ wanted).T
            lengths[some] = sizes
            start += len(sizes)
        ends = np.cumsum(lengths)
        if ends[-1] != self._header.size:
            raise CorruptError("the lengths of the records do not add up")
        self._ends = ends
        return scores

    def search(
        self,
        query: GroupedTemplate,
        candidates: int = CANDIDATES,
        *,
        revoked: Revocations | None = None,
    ) -> list[tuple[float, ProtectedTemplate]]:
        """Exact scores and records of the best candidates of the first stage, highest score first.

        candidates: number of records that the first stage passes on. A record that it misses is
        not in the result: docs/protection.md states how often that happens. A revoked record
        scores -1.
        Raises TemplateError for a query of another shape or maker, CorruptError for a damaged
        index, WrongKeyError for a record in it that was made with another key.
        """
        rough = self.rough_scores([query])[0]
        count = min(candidates, len(rough))
        best = np.sort(np.argpartition(-rough, count - 1)[:count])  # in the order of the file
        records = [self.record(int(row)) for row in best]
        scores = match_many(query, records, self._key, revoked=revoked)
        order = np.argsort(-scores, kind="stable")
        return [(float(scores[row]), records[row]) for row in order]

    def record(self, row: int) -> ProtectedTemplate:
        """The record number `row` of the index, from 0. Raises CorruptError for a damaged index."""
        if self._ends is None:
            self._ends = np.cumsum(np.concatenate([sizes for sizes, _ in self._read_blocks()]))
        start = int(self._ends[row - 1]) if row else 0
        size = int(self._ends[row]) - start
        if not 0 < size <= form.MAX_RECORD:
            raise CorruptError(f"record {row} of the index has {size} bytes")
        self._file.seek(form.MIN_FILE + start)
        try:
            found = ProtectedTemplate.from_bytes(self._file.read(size))
        except FormatError as error:
            raise CorruptError(f"record {row} of the index: {error}") from error
        if found.parameters != self._header.parameters:
            raise CorruptError(f"record {row} of the index has other parameters than the index")
        return found

    def _read_blocks(self) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]]:
        """For every block: the lengths of its n records in bytes [n], and their sketches [n, D]."""
        header = self._header
        self._file.seek(header.blocks_at)
        for number, start in enumerate(range(0, header.count, BLOCK)):
            count = min(BLOCK, header.count - start)
            data = self._file.read(count * (2 + header.dimensions) + CHECK)
            section = form.FIRST_BLOCK + number
            sizes, codes = form.unseal(self._key, header.nonce, section, data, 2 * count)
            yield (
                np.frombuffer(sizes, "<u2").astype(np.int64),
                np.frombuffer(codes, np.int8).reshape(count, header.dimensions),
            )


def _blocks(
    first: list[ProtectedTemplate], rest: Iterator[ProtectedTemplate]
) -> Iterator[list[ProtectedTemplate]]:
    """The records in lists of BLOCK; the last may be shorter."""
    for start in range(0, len(first) - len(first) % BLOCK, BLOCK):
        yield first[start : start + BLOCK]
    left = first[len(first) - len(first) % BLOCK :]
    while part := [*left, *islice(rest, BLOCK - len(left))]:
        yield part
        left = []
