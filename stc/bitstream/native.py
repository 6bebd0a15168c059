"""Payloads decoded by the compiled range decoder, stc/native/core.cpp."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from stc.bitstream.tables import Tables
from stc.errors import CorruptError
from stc.native.library import Arrays, function, ints

_REASONS = {
    1: "the payload decodes to no symbol",
    2: "the payload is not in its shortest form",
}


class Frequencies:
    """The frequencies of a model in the layout of core.cpp: the groups', then each stage's."""

    def __init__(self, tables: Tables) -> None:
        counts = [tables.groups, *tables.levels]
        self.arrays = Arrays([np.ascontiguousarray(own, np.uint32) for own in counts])
        # The numbers of components and columns are 0: the range decoder does not use them.
        shape = [(0, t, k, 0, own) for own, t, k in map(np.shape, tables.levels)]
        self.shape = ints([len(tables.groups), 0, len(shape), *(n for own in shape for n in own)])


_known: WeakKeyDictionary[Tables, Frequencies] = WeakKeyDictionary()


def decode_symbols(tables: Tables, count: int, payload: bytes) -> tuple[int, npt.NDArray[np.int64]]:
    """Decode a payload -> group and the indices, int64 [count], of the first tokens.

    Raises CorruptError for a payload that no encoder writes, BackendError if the native library is
    missing.
    """
    if not 1 <= count <= tables.tokens:
        raise CorruptError(f"the file states {count} tokens, the model has {tables.tokens}")
    frequencies = _known.get(tables)
    if frequencies is None:
        frequencies = _known.setdefault(tables, Frequencies(tables))
    found = np.empty(1 + count, np.int32)
    failed = function("stc_decode")(
        *(payload, len(payload), frequencies.shape, frequencies.arrays.addresses),
        *(count, found.ctypes.data),
    )
    if failed:
        raise CorruptError(_REASONS.get(failed, f"the native core returned error {failed}"))
    return int(found[0]), found[1:].astype(np.int64)
