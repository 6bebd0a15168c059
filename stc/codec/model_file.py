"""Model files: weights found by their fingerprint, and checked array by array as they are read.

conformance/model-file.md has the layout. What `stc info` needs of a model comes without numpy,
whose import would take longer than all the rest.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import re
import sys
from array import array as typed_array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.bitstream.identity import ArrayIdentity, fingerprint
from stc.codec.shapes import (
    PACKED,
    check_config,
    check_metric,
    check_shapes,
    level_number,
    matrix_shape,
)
from stc.errors import ModelMissingError, WrongModelError
from stc.fork_lock import cached_property
from stc.tensor_file import (
    ALIGNMENT,
    ITEM_SIZES,
    Entry,
    Tensor,
    parse_object,
    read_header,
    write_file,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from stc.bitstream import Tables
    from stc.codec.matrix import Matrix
    from stc.codec.metric import Metric

FOLDER = Path(__file__).parent / "weights"
DEFAULT = "stc-open-1"
UPSCALER, ENCODER = "upscaler.", "encoder."  # prefixes of arrays that a decoder does without
OPTIONAL = (UPSCALER, ENCODER)

_NUMPY = {"I8": "<i1", "U8": "<u1", "F16": "<f2", "U16": "<u2", "F32": "<f4", "U32": "<u4"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WIDTHS = re.compile(r"levels\.(\d{1,5})\.widths")


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A model whose arrays are mapped into memory, read when asked for and then checked, once.

    Safe to use from several threads.
    """

    path: Path
    name: str
    fingerprint: str  # SHA-256 in hex, over the decoder's arrays; a .stc file carries two bytes
    entries: Mapping[str, Entry]
    digests: Mapping[str, str]  # SHA-256 of every array's bytes, in hex

    @cached_property
    def identity(self) -> str:
        """SHA-256 in hex over all arrays, also those that the fingerprint leaves out."""
        return fingerprint(_identities(self.entries, self.digests, whole=True))

    @property
    def names(self) -> list[str]:
        """Of all arrays, in the file's order."""
        return list(self.entries)

    def array(self, name: str) -> npt.NDArray[Any]:
        """One array, read-only, a view of the file. Raises WrongModelError if it is damaged."""
        import numpy as np

        data, entry = self._bytes(name), self.entries[name]
        return np.frombuffer(data, _NUMPY[entry.dtype]).reshape(entry.shape)

    def matrix(self, name: str) -> Matrix:
        """A matrix in 8 bits with its scales, however it is stored; all axes but the last are one.

        A packed one is unpacked at every call: keep it. Raises WrongModelError for arrays that are
        damaged or do not fit together.
        """
        import numpy as np

        from stc.codec.matrix import Matrix
        from stc.codec.packing import unpack

        def array(word: str) -> npt.NDArray[Any]:
            return self.array(f"{name}.{word}")

        try:
            if f"{name}.codes" in self.entries:
                return unpack(array, {word for word in PACKED if f"{name}.{word}" in self.entries})
            values = self.array(name)
            flat = values.reshape(-1, values.shape[-1])
            return Matrix(flat, array("scale").astype(np.float32))
        except ValueError as error:
            raise WrongModelError(f"{self.path}: {name}: {error}") from error

    def metric(self, level: int) -> Metric:
        """What an encoder measures the errors of a level by; the plain one if it names none.

        Raises WrongModelError for arrays that are damaged or do not fit together.
        """
        import numpy as np

        from stc.codec.metric import Metric

        name, rows = (
            f"encoder.levels.{level}",
            matrix_shape(self.entries, f"levels.{level}.synthesis")[0],
        )
        if f"{name}.metric" not in self.entries:
            return Metric(np.zeros((rows, 0), np.float32), np.float32(0))
        weight = self.array(f"{name}.identity")[0]
        try:
            own = check_metric(self.entries, int(self.array(f"{name}.metric")[0]), rows)
        except ValueError as error:
            raise WrongModelError(f"{self.path}: {error}") from error
        if not 0 <= weight < np.inf:
            raise WrongModelError(f"{self.path}: {name}.identity is {weight}")
        factor = self.matrix(own)
        return Metric(np.ascontiguousarray(factor.values[:rows] * factor.scale), weight)

    def read(self) -> dict[str, npt.NDArray[Any]]:
        """Every array by its name. Raises WrongModelError if one is damaged."""
        return {name: self.array(name) for name in self.entries}

    @cached_property
    def config(self) -> dict[str, Any]:
        """groups: G; levels: [Z, T, K, D] of each; widths: channels of the decoder's layers."""
        try:
            config: dict[str, Any] = json.loads(bytes(self._bytes("config")))
            check_config(config, self.entries)
        except (ValueError, RecursionError) as error:
            raise WrongModelError(f"{self.path}: {error}") from error
        return config

    @cached_property
    def tables(self) -> Tables:
        """The integer probabilities of groups and tokens.

        Raises WrongModelError if an array is damaged, ModelError for frequencies that are none.
        """
        from stc.bitstream import Tables

        levels = tuple(self.array(name) for name in self._counts())
        return Tables(self.array("groups.counts"), levels)

    @cached_property
    def level_sizes(self) -> list[int]:
        """Number of tokens in every level."""
        return [self.entries[name].shape[1] for name in self._counts()]

    @property
    def has_upscaler(self) -> bool:
        """Whether faces can be drawn at 256 pixels."""
        return any(name.startswith(UPSCALER) for name in self.entries)

    @property
    def group_number(self) -> int:
        """How many groups there are."""
        return self.entries["groups.counts"].shape[0]

    @property
    def groups(self) -> list[int]:
        """Frequencies of the groups."""
        return next(self._rows("groups.counts", 0, 1)).tolist()

    def rows(self, group: int, count: int) -> Iterator[typed_array[int]]:
        """The frequencies of each of the first `count` tokens, as in `tables`."""
        for name, size in zip(self._counts(), self.level_sizes, strict=True):
            here, own = min(size, count), group if self.entries[name].shape[0] > 1 else 0
            yield from self._rows(name, own * size, here)
            count -= here

    def is_named(self, short: bytes) -> bool:
        """Whether the two bytes that a file names its model by are this one's."""
        return self.fingerprint.startswith(short.hex())

    def check_named(self, short: bytes) -> None:
        """Raise WrongModelError unless they are."""
        if not self.is_named(short):
            raise WrongModelError(
                f"the file needs model {short.hex()}, this is {self.name} ({self.fingerprint[:4]})"
            )

    def _counts(self) -> list[str]:
        return [f"levels.{number}.counts" for number in range(level_number(self.entries))]

    def _rows(self, name: str, first: int, number: int) -> Iterator[typed_array[int]]:
        """`number` rows of an array of counts, from row `first` on."""
        entry, data = self.entries[name], self._bytes(name)
        code, size = ("H", 2) if entry.dtype == "U16" else ("I", 4)
        step = size * entry.shape[-1]
        for start in range(first * step, (first + number) * step, step):
            row = typed_array(code, bytes(data[start : start + step]))
            if sys.byteorder == "big":
                row.byteswap()
            yield row

    def _bytes(self, name: str) -> memoryview:
        """The bytes of an array, which give the digest that the file states."""
        known = self._checked.get(name)
        if known is not None:
            return known
        entry = self.entries.get(name)
        if entry is None:
            raise WrongModelError(f"{self.path} has no array {name}")
        data = self._map[entry.start : entry.end]
        found = hashlib.sha256(data).hexdigest()
        if found != self.digests[name]:
            raise WrongModelError(
                f"{self.path}: {name} gives digest {found[:12]}, the file states "
                f"{self.digests[name][:12]}; it is damaged or was edited, install it again"
            )
        if match := _WIDTHS.fullmatch(name):
            self._check_widths(int(match[1]), data)
        # Two threads may check an array at the same time; both find the same.
        return self._checked.setdefault(name, data)

    def _check_widths(self, level: int, widths: memoryview) -> None:
        """Raise WrongModelError unless a level's tokens share out the columns of its codebooks."""
        columns = matrix_shape(self.entries, f"levels.{level}.codebooks")[-1]
        largest = self.config["levels"][level][3]
        if sum(widths) != columns or max(widths) > largest:
            raise WrongModelError(
                f"{self.path}: the widths of level {level} are up to {max(widths)} and sum to "
                f"{sum(widths)}, not up to {largest} and {columns}"
            )

    @cached_property
    def _map(self) -> memoryview:
        with self.path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    @cached_property
    def _checked(self) -> dict[str, memoryview]:
        return {}


def open_model(model: str | Path | None = None) -> ModelFile:
    """A model by shipped name, by path, or the default one.

    Raises ModelMissingError if there is none, WrongModelError if the file is not an STC model.
    """
    path = (
        Path(model)
        if model is not None and Path(model).suffix
        else FOLDER / (f"{model or DEFAULT}.safetensors")
    )
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in FOLDER.glob("*.safetensors"))) or "none"
        raise ModelMissingError(f"no model at {path}; this installation ships: {shipped}")
    return _inspect(path)


def find_model(short: bytes) -> ModelFile:
    """The shipped model whose fingerprint begins with the two bytes that a file names.

    Raises WrongModelError if none does.
    """
    shipped = [_inspect(path) for path in sorted(FOLDER.glob("*.safetensors"))]
    for file in shipped:
        if file.is_named(short):
            return file
    known = ", ".join(f"{file.name} ({file.fingerprint[:4]})" for file in shipped) or "none"
    raise WrongModelError(
        f"the file needs model {short.hex()}, this installation has: {known}; "
        f"update stc, or name the weights with --model"
    )


def save_model(path: Path, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> ModelFile:
    """Write arrays as a model file, and return what was written."""
    import numpy as np

    codes = {np.dtype(code): dtype for dtype, code in _NUMPY.items()}
    tensors = []
    for key, value in arrays.items():
        kind = value.dtype.newbyteorder("<")
        tensors.append(Tensor(key, codes[kind], value.shape, value.astype(kind).tobytes()))
    digests = {t.name: hashlib.sha256(t.data).hexdigest() for t in tensors}
    identities = _identities({t.name: t for t in tensors}, digests)
    found = fingerprint(identities)
    metadata = {"name": name, "fingerprint": found, "digests": json.dumps(digests, sort_keys=True)}
    write_file(path, sorted(tensors, key=_place), metadata)
    return _inspect(path)


def _place(tensor: Tensor) -> tuple[bool, int, bool, int, str]:
    """Where an array comes in a file: what begins at a multiple of 64 bytes last.

    Of these, what the smallest face needs comes first, then one level after the other, then the
    upscaler, and what only an encoder needs at the end: the beginning of a file is of use alone.
    """
    name = tensor.name
    if len(tensor.data) % ALIGNMENT:
        return False, 0, False, ITEM_SIZES[tensor.dtype], name
    level = re.search(r"levels\.(\d+)\.", name)
    late = level is not None and not name.endswith(".counts")
    part = next((i for i, own in enumerate(OPTIONAL, 1) if name.startswith(own)), 0)
    return True, part, late, int(level[1]) if level else -1, name


def _identities(
    entries: Mapping[str, Entry | Tensor], digests: Mapping[str, str], whole: bool = False
) -> dict[str, ArrayIdentity]:
    """What the fingerprint is made of: what decodes a face to 128 pixels, unless all is wanted."""
    return {
        name: ArrayIdentity(entry.dtype, entry.shape, digests[name])
        for name, entry in entries.items()
        if whole or not name.startswith(OPTIONAL)
    }


def _inspect(path: Path) -> ModelFile:
    """The model in a file. Raises WrongModelError if its header contradicts itself."""
    try:
        entries, metadata = read_header(path)
    except ValueError as error:
        raise WrongModelError(f"{path} is not a safetensors file: {error}") from error
    if "fingerprint" not in metadata:
        raise WrongModelError(f"{path} is not an STC model: it states no fingerprint")
    try:
        check_shapes(entries)
    except ValueError as error:
        raise WrongModelError(f"{path} is not an STC model: {error}") from error
    digests = _parse_digests(path, metadata.get("digests", ""))
    if digests.keys() != entries.keys():
        odd = min(digests.keys() ^ entries.keys())
        raise WrongModelError(f"{path} has either an array {odd} or a digest of it, not both")
    found = fingerprint(_identities(entries, digests))
    if found != metadata["fingerprint"]:
        raise WrongModelError(
            f"{path}: the digests give fingerprint {found[:12]}, the file states "
            f"{metadata['fingerprint'][:12]}; it is damaged or was edited, install it again"
        )
    return ModelFile(path, metadata.get("name", path.stem), found, entries, digests)


def _parse_digests(path: Path, text: str) -> dict[str, str]:
    try:
        digests = parse_object(text)
        sound = all(isinstance(own, str) and _DIGEST.fullmatch(own) for own in digests.values())
    except ValueError:
        sound = False
    if not sound:
        raise WrongModelError(f"{path} does not state the digests of its arrays")
    return digests
