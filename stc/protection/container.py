"""The binary container of a record: packing and unpacking (docs/protection-format.md)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from stc.errors import (
    BadMagicError,
    CorruptError,
    TemplateError,
    TruncatedError,
    UnsupportedVersionError,
)
from stc.protection.record_id import MAX_ID, RecordId, id_to_name, name_to_id
from stc.protection.stream import STEPS, Parameters, kept_positions
from stc.protection.template import MAX_CELLS, Floats, is_sound_shape

MAGIC = b"STCp"
VERSION = 1
_HEADER = struct.Struct("<4sBB4sHHHHH8sB")  # little-endian, 29 bytes
_CHECK = 4  # bytes of the CRC-32 over all bytes before it
_MAX_RECORD = _HEADER.size + 1 + MAX_ID + MAX_CELLS + _CHECK  # bytes, at 8 bits a dimension
_PART = 1 << 20  # bytes per read of a file; more than _MAX_RECORD


class Fields(NamedTuple):
    """The fields of a container. features: float32 [m, c], zero where dimensions were dropped.
    bits: of each kept dimension, 2 to 8."""

    features: Floats
    record_id: RecordId
    parameters: Parameters
    tag: bytes
    generation: int
    bits: int


def pack(fields: Fields) -> bytes:
    """The container of one record, in bytes. Raises TemplateError unless bits is from 2 to 8."""
    if not 2 <= fields.bits <= 8:
        raise TemplateError(f"2 to 8 bits a dimension, not {fields.bits}")
    parameters, name = fields.parameters, id_to_name(fields.record_id)
    head = _HEADER.pack(
        MAGIC,
        VERSION,
        fields.bits,
        parameters.maker,
        parameters.groups,
        parameters.size,
        parameters.kept,
        parameters.steps,
        fields.generation,
        fields.tag,
        len(name),
    )
    values = fields.features[kept_positions(fields.tag, parameters)]
    body = head + name + _to_codes(values, fields.bits)
    return body + struct.pack("<I", zlib.crc32(body))


def unpack(data: bytes) -> Fields:
    """The fields of a container that holds exactly one record. Raises FormatError.

    The header is checked before memory is allocated.
    """
    fields, end = _read(memoryview(data), 0, None)
    if end != len(data):
        raise CorruptError(f"{len(data) - end} bytes follow the record")
    return fields


def unpack_each(source: bytes | BinaryIO, shape: tuple[int, int] | None = None) -> Iterator[Fields]:
    """The records of concatenated containers, in bytes or in a file open for reading.

    Of a file, at most one part and one record are in memory. shape: groups and dimensions of a
    group that every record must have, if given.
    Raises FormatError, and TemplateError for a record of another shape before memory is allocated
    for it: a record with few kept dimensions grows a hundredfold when it is unpacked.
    """
    file = io.BytesIO(source) if isinstance(source, (bytes, bytearray, memoryview)) else source
    data, is_end = b"", False
    while not is_end:
        more = file.read(_PART)
        data, place, is_end = data + more, 0, not more
        # Unless the file has ended, wait until the longest possible record is in memory.
        while place < len(data) and (is_end or len(data) - place >= _MAX_RECORD):
            fields, place = _read(memoryview(data), place, shape)
            yield fields
        data = data[place:]


def _read(data: memoryview, start: int, shape: tuple[int, int] | None) -> tuple[Fields, int]:
    """The record that begins at byte `start`, and the offset of its end."""
    magic = bytes(data[start : start + len(MAGIC)])
    if magic != MAGIC[: len(magic)] or not magic:
        raise BadMagicError("not a protected template: it does not begin with STCp")
    if len(data) > start + 4 and data[start + 4] != VERSION:
        raise UnsupportedVersionError(
            f"version {data[start + 4]} is unknown: this release reads version {VERSION}"
        )
    if len(data) < start + _HEADER.size:
        raise TruncatedError(f"{len(data) - start} bytes are less than the header's {_HEADER.size}")
    numbers = _HEADER.unpack_from(data, start)
    bits, maker, groups, size, kept, steps, generation, tag, length = numbers[2:]
    sound = is_sound_shape(groups, size) and 2 <= kept <= size
    if not (sound and steps <= STEPS and 2 <= bits <= 8 and 2 <= length <= MAX_ID + 1):
        raise CorruptError("the header has values that no record can have")
    if shape is not None and shape != (groups, size):
        raise TemplateError(
            f"a record has {groups} x {size} features instead of {shape[0]} x {shape[1]}: was it "
            "made with another recogniser or head?"
        )
    body = start + _HEADER.size + length
    check = body + -(-groups * kept * bits // 8)
    if len(data) < check + _CHECK:
        raise TruncatedError(
            f"the record has {check + _CHECK - start} bytes, only {len(data) - start} are present"
        )
    if zlib.crc32(data[start:check]) != struct.unpack_from("<I", data, check)[0]:
        raise CorruptError("the checksum does not match")
    parameters = Parameters(groups, size, kept, steps, maker)
    try:
        record_id = name_to_id(bytes(data[body - length : body]))
        values = _from_codes(bytes(data[body:check]), groups * kept, bits)
    except (ValueError, TemplateError) as error:
        raise CorruptError(str(error)) from error
    features = np.zeros((groups, size), np.float32)
    features[kept_positions(tag, parameters)] = values
    return Fields(features, record_id, parameters, tag, generation, bits), check + _CHECK


def _to_codes(values: npt.NDArray[np.float32], bits: int) -> bytes:
    """Quantize values in [-1, 1] to 2^bits equal steps, and pack the codes of `bits` bits each."""
    steps = 1 << bits
    codes = np.clip(np.floor((values + 1) * (steps / 2)), 0, steps - 1).astype(np.uint8)
    return np.packbits(np.unpackbits(codes[:, None], axis=1)[:, 8 - bits :]).tobytes()


def _from_codes(data: bytes, count: int, bits: int) -> npt.NDArray[np.float32]:
    """The inverse of `_to_codes`: `count` values, each the middle of its step, which is never zero.

    Raises ValueError if padding bits are not zero.
    """
    flat = np.unpackbits(np.frombuffer(data, np.uint8))
    if flat[count * bits :].any():
        raise ValueError("the bits after the last dimension are not zero")
    codes = np.packbits(
        np.pad(flat[: count * bits].reshape(count, bits), ((0, 0), (8 - bits, 0))), axis=1
    )
    return (codes[:, 0].astype(np.float32) + 0.5) * np.float32(2 / (1 << bits)) - np.float32(1)
