"""Model files: find a model by its fingerprint, and read its arrays with a check of each digest.

conformance/model-file.md describes the layout. The parts that `stc info` uses do not import numpy,
which would take longer than everything else.
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
UPSCALER, ENCODER = "upscaler.", "encoder."  # prefixes of arrays that a decoder does not need
OPTIONAL = (UPSCALER, ENCODER)

_NUMPY = {"I8": "<i1", "U8": "<u1", "F16": "<f2", "U16": "<u2", "F32": "<f4", "U32": "<u4"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WIDTHS = re.compile(r"levels\.(\d{1,5})\.widths")


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A model file mapped into memory; each array is checked once, when it is first read.

    Safe to use from several threads.
    """

    path: Path
    name: str
    fingerprint: str  # SHA-256 in hex, over the decoder's arrays; a .stc file stores two bytes
    entries: Mapping[str, Entry]
    digests: Mapping[str, str]  # SHA-256 of every array's bytes, in hex

    def __repr__(self) -> str:
        # Not the generated one, which would print the tables of all arrays.
        return f"<ModelFile {self.name}, fingerprint {self.fingerprint[:16]}, {self.path}>"

    @cached_property
    def identity(self) -> str:
        """SHA-256 in hex over all arrays, including those that the fingerprint leaves out."""
        return fingerprint(_identities(self.entries, self.digests, whole=True))

    @property
    def names(self) -> list[str]:
        """The names of all arrays, in the file's order."""
        return list(self.entries)

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return an array as a read-only view of the file.

        Raises WrongModelError if it is missing or damaged.
        """
        import numpy as np

        data, entry = self._bytes(name), self.entries[name]
        return np.frombuffer(data, _NUMPY[entry.dtype]).reshape(entry.shape)

    def matrix(self, name: str) -> Matrix:
        """Return a matrix of 8-bit numbers with its scales, whether it is stored packed or not.

        All axes but the last are merged into the rows. A packed matrix is unpacked at every call,
        so callers should keep the result. Raises WrongModelError for arrays that are missing,
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
        """Return the error metric of a level; the Euclidean metric if the model states none.

        Raises WrongModelError for arrays that are damaged or do not fit together.
        """
        import numpy as np

        from stc.codec.metric import Metric

        name = f"encoder.levels.{level}"
        rows = matrix_shape(self.entries, f"levels.{level}.synthesis")[0]
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
        """Return all arrays by name. Raises WrongModelError if one is damaged."""
        return {name: self.array(name) for name in self.entries}

    @cached_property
    def config(self) -> dict[str, Any]:
        """The model's configuration, checked against the shapes of its arrays.

        groups: G; levels: [Z, T, K, D] of each; widths: channels of the decoder's layers. Raises
        WrongModelError if it is invalid.
        """
        try:
            config: dict[str, Any] = json.loads(bytes(self._bytes("config")))
            check_config(config, self.entries)
        except (ValueError, RecursionError) as error:
            raise WrongModelError(f"{self.path}: {error}") from error
        return config

    @cached_property
    def tables(self) -> Tables:
        """The integer PMFs of groups and tokens.

        Raises WrongModelError if an array is damaged, ModelError for invalid frequencies.
        """
        from stc.bitstream import Tables

        levels = tuple(self.array(name) for name in self._counts())
        return Tables(self.array("groups.counts"), levels)

    @cached_property
    def level_sizes(self) -> list[int]:
        """The number of tokens of every level."""
        return [self.entries[name].shape[1] for name in self._counts()]

    @property
    def has_upscaler(self) -> bool:
        """Whether the model has an upscaler, which draws faces at 256 pixels."""
        return any(name.startswith(UPSCALER) for name in self.entries)

    @property
    def group_number(self) -> int:
        """The number of groups G."""
        return self.entries["groups.counts"].shape[0]

    @property
    def groups(self) -> list[int]:
        """The frequencies of the groups, which sum to 2^16."""
        return next(self._rows("groups.counts", 0, 1)).tolist()

    def rows(self, group: int, count: int) -> Iterator[typed_array[int]]:
        """Yield the frequencies of each of the first `count` tokens in a group, as in `tables`."""
        for name, size in zip(self._counts(), self.level_sizes, strict=True):
            here, own = min(size, count), group if self.entries[name].shape[0] > 1 else 0
            yield from self._rows(name, own * size, here)
            count -= here

    @property
    def short_fingerprint(self) -> bytes:
        """The first two bytes of the fingerprint, which a .stc file stores."""
        return bytes.fromhex(self.fingerprint[:4])

    def is_named(self, short: bytes) -> bool:
        """Whether the fingerprint starts with `short`, the two bytes in a file."""
        return self.fingerprint.startswith(short.hex())

    def check_named(self, short: bytes) -> None:
        """Raise WrongModelError unless the fingerprint starts with `short`."""
        if not self.is_named(short):
            raise WrongModelError(
                f"the file needs model {short.hex()}, this is {self.name} ({self.fingerprint[:4]})"
            )

    def _counts(self) -> list[str]:
        return [f"levels.{number}.counts" for number in range(level_number(self.entries))]

    def _rows(self, name: str, first: int, number: int) -> Iterator[typed_array[int]]:
        """Yield `number` rows of an array of frequencies, starting at row `first`."""
        entry, data = self.entries[name], self._bytes(name)
        code, size = ("H", 2) if entry.dtype == "U16" else ("I", 4)
        step = size * entry.shape[-1]
        for start in range(first * step, (first + number) * step, step):
            row = typed_array(code, bytes(data[start : start + step]))
            if sys.byteorder == "big":
                row.byteswap()
            yield row

    def _bytes(self, name: str) -> memoryview:
        """The bytes of an array, checked against the digest that the file states."""
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
                f"{self.path}: {name} has digest {found[:12]}, the file states "
                f"{self.digests[name][:12]}; it is damaged or was edited, install it again"
            )
        if match := _WIDTHS.fullmatch(name):
            self._check_widths(int(match[1]), data)
        # Two threads may check an array at the same time; the results are the same.
        return self._checked.setdefault(name, data)

    def _check_widths(self, level: int, widths: memoryview) -> None:
        """Raise WrongModelError unless the widths of a level's tokens sum to its columns."""
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
    """Open a model; its header is checked, its arrays are not read yet.

    model: the name of a shipped model or the path of a model file (a name with a suffix); the
    default model if None.

    Raises ModelMissingError if the file does not exist, WrongModelError if it is not an STC model.
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
    """Return the shipped model whose fingerprint starts with `short`, the two bytes in a file.

    Raises WrongModelError if there is none.
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
    """Write arrays, by name, as a model file; return the model opened from that file.

    Raises WrongModelError if the arrays are not those of a model.
    """
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
    """Sort key of the arrays in a file: arrays whose length is a multiple of 64 bytes come last.

    So these are aligned. Among them the arrays that the smallest face needs come first, then those
    of one level after the other, of the upscaler and of the encoder. So the beginning of a file is
    useful alone.
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
    """The input of the fingerprint: the arrays that decode 128 pixels, or all if `whole`."""
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
            f"{path}: the digests result in fingerprint {found[:12]}, the file states "
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
