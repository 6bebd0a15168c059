"""The codec: canvas -> components -> tokens -> bytes, and back to a picture."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from stc import bitstream
from stc.codec.torch.canvas import CANVAS
from stc.codec.torch.export import from_arrays
from stc.codec.model_file import ModelFile, find_model, open_model
from stc.errors import QualityError
from stc.imaging import Align, Choice, Source, frame

DEFAULT_BYTES = 192
MOST_LOADED = 4  # models that are kept, of some 100 MB each

_log = logging.getLogger(__name__)

Canvas = npt.NDArray[np.uint8]  # [128, 128, 3]


@dataclass(frozen=True)
class Likeness:
    """How like one canvas another is."""

    psnr: float  # dB over the whole canvas
    identity: float  # share of what a recogniser attends to that they have in common, 0 to 1


class Codec:
    """One model, loaded once, for any number of faces.

    model: the name of a shipped model or the path of a weights file; the default model if None.
    Raises ModelMissingError or WrongModelError.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        self.model = open_model(model)
        self._load()

    @classmethod
    def from_file(cls, model: ModelFile) -> Codec:
        codec = cls.__new__(cls)
        codec.model = model
        codec._load()
        return codec

    def _load(self) -> None:
        _log.debug("model %s, %s", self.model.name, self.model.path)
        self.tables = self.model.tables
        self.tokenizer, self.decoder = from_arrays(self.model.read())

    def encode(
        self,
        image: Source,
        *,
        max_bytes: int | None = None,
        level: int | None = None,
        align: Align = "auto",
        face: Choice = "only",
        bare: bool = False,
        min_quality: float | None = None,
    ) -> bytes:
        """A picture with a face -> the bytes of a .stc file.

        max_bytes: the result is never larger; 192 if neither it nor level is given.
        level: stop after so many levels (1 is the smallest), whatever it costs.
        min_quality: the least of `qualities` that will do.
        Raises ImageError, FaceError, BudgetError, QualityError; ValueError for arguments that do
        not fit.
        """
        canvas = frame(image, align=align, face=face)[None]
        (data,) = self.encode_canvases(canvas, max_bytes=max_bytes, level=level, bare=bare)
        if min_quality is not None:
            demand(min_quality, float(self.qualities(canvas, [data], bare=bare)[0]), len(data))
        return data

    @torch.inference_mode()
    def encode_canvases(
        self,
        canvases: npt.NDArray[np.uint8],
        *,
        max_bytes: int | None = None,
        level: int | None = None,
        bare: bool = False,
    ) -> list[bytes]:
        """Aligned faces, uint8 [B, 128, 128, 3] -> the bytes of B files; see `encode`."""
        limit, most = self._budget(max_bytes, level)
        components = self.tokenizer.analyse(_to_tensor(canvases))
        groups, indices = self.tokenizer.encode(components)
        counts = self._fitting(groups, indices, torch.full_like(groups, most), limit, bare)
        indices = self.tokenizer.refine(components, groups, indices, counts)
        # Refined tokens may take some bits more: a token or two less may fit.
        counts = self._fitting(groups, indices, counts, limit, bare)
        short = bytes.fromhex(self.model.fingerprint)[:2]
        return [
            bitstream.pack(short, self.tables, group, own[:count], bare=bare)
            for group, own, count in zip(
                groups.tolist(), indices.numpy(), counts.tolist(), strict=True
            )
        ]

    def _fitting(
        self, groups: Tensor, indices: Tensor, most: Tensor, limit: int | None, bare: bool
    ) -> Tensor:
        """How many of the first most [B] tokens of each face fit into so many bytes, int64 [B]."""
        if limit is None:
            return most
        faces = zip(groups.tolist(), indices.numpy(), most.tolist(), strict=True)
        return torch.tensor(
            [
                bitstream.longest_prefix(self.tables, group, own[:count], limit, bare=bare)
                for group, own, count in faces
            ],
            dtype=torch.long,
        )

    def decode(self, data: bytes, *, size: int = CANVAS, bare: bool = False) -> Image.Image:
        """The bytes of a .stc file -> RGB picture of size x size pixels.

        Raises FormatError, WrongModelError.
        """
        if size < 1:
            raise ValueError(f"size must be at least 1 pixel, not {size}")
        picture = Image.fromarray(self.decode_canvases([data], bare=bare)[0])
        if size != CANVAS:
            picture = picture.resize((size, size), Image.Resampling.LANCZOS)
        return picture

    @torch.inference_mode()
    def decode_canvases(
        self, files: Sequence[bytes], *, bare: bool = False
    ) -> npt.NDArray[np.uint8]:
        """The bytes of B files -> faces, uint8 [B, 128, 128, 3]; see `decode`."""
        if not files:
            return np.zeros((0, CANVAS, CANVAS, 3), np.uint8)
        return self.render(*self._dequantised(files, bare))

    def _dequantised(self, files: Sequence[bytes], bare: bool) -> tuple[Tensor, Tensor]:
        """The bytes of B files -> components [B, Z] and the tokens spent on each [B]."""
        tokens = [self._unpack(data, bare) for data in files]
        longest = max((len(indices) for _, indices in tokens), default=0)
        padded = np.zeros((len(tokens), longest), np.int64)
        for row, (_, indices) in enumerate(tokens):
            padded[row, : len(indices)] = indices
        counts = torch.tensor([len(indices) for _, indices in tokens], dtype=torch.long)
        groups = torch.tensor([group for group, _ in tokens], dtype=torch.long)
        return self.tokenizer.dequantise(torch.from_numpy(padded), groups, counts), counts

    @torch.inference_mode()
    def render(self, components: Tensor, counts: Tensor) -> npt.NDArray[np.uint8]:
        """Components [B, Z] and the tokens spent on each [B] -> uint8 [B, 128, 128, 3]."""
        spent = counts / self.tokenizer.tokens
        rgb = self.decoder(self.tokenizer.planes(components), spent)
        pixels = (rgb.clamp(0, 1) * 255).round().to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).contiguous().numpy()  # type: ignore[no-any-return]

    @torch.inference_mode()
    def qualities(
        self, canvases: npt.NDArray[np.uint8], files: Sequence[bytes], *, bare: bool = False
    ) -> npt.NDArray[np.float32]:
        """How much of the identity of B canvases the tokens of their files keep, [B], 0 to 1.

        Nothing is decoded to a picture: what tokens say foretells a recogniser's verdict better
        than what the decoder makes of them, and takes a tenth of the time.
        """
        components = self.tokenizer.analyse(_to_tensor(canvases))
        return self._in_common(components, self._dequantised(files, bare)[0]).numpy()

    @torch.inference_mode()
    def likeness(self, source: Canvas, other: Canvas) -> Likeness:
        """Compare two canvases, uint8 [128, 128, 3], by pixels and in the recogniser's metric."""
        pair = _to_tensor(np.stack([source, other]))
        error = float((pair[0] - pair[1]).square().mean())
        one, two = self.tokenizer.analyse(pair).split(1)
        psnr = float("inf") if error == 0 else -10 * math.log10(error)
        return Likeness(psnr, float(self._in_common(one, two)))

    def _in_common(self, source: Tensor, other: Tensor) -> Tensor:
        """The share of a recogniser's view of components [B, Z] that others have too, [B].

        The first levels' latents are the directions that move a recogniser most, so the energy of
        their error says how much of the identity is gone, without shipping a recogniser. Of these
        levels the second foretells best which faces are lost.
        """
        level = self.tokenizer.levels[:2][-1]
        latents = source[:, : level.components] @ level.analysis
        errors = (source - other)[:, : level.components] @ level.analysis
        lost = errors.square().sum(1) / latents.square().sum(1).clamp(min=1e-12)
        return (1 - lost).clamp(0, 1)

    def _budget(self, max_bytes: int | None, level: int | None) -> tuple[int | None, int]:
        """-> byte limit or None, and the largest number of tokens."""
        sizes = self.tokenizer.level_sizes
        if level is None:
            return (DEFAULT_BYTES if max_bytes is None else max_bytes), sum(sizes)
        if max_bytes is not None:
            raise ValueError("give max_bytes or level, not both")
        if not 1 <= level <= len(sizes):
            raise ValueError(f"level must be 1 to {len(sizes)}, not {level}")
        return None, sum(sizes[:level])

    def _unpack(self, data: bytes, bare: bool) -> tuple[int, npt.NDArray[np.int64]]:
        if not bare:
            self.model.demand_named(bitstream.parse_header(data).fingerprint)
        return bitstream.unpack(data, self.tables, bare=bare)


def demand(least: float, quality: float, size: int) -> None:
    """Raises QualityError if a file of `size` bytes keeps less of a face than it must."""
    if not quality >= least:
        raise QualityError(
            f"quality {quality:.4f} is below {least:g} at {size} bytes: allow more bytes, or use a "
            "picture that is sharper or more frontal"
        )


@lru_cache(maxsize=8)
def load_codec(model: str | Path | None = None) -> Codec:
    """A codec kept for the next call: the model named, or the default."""
    return _kept(open_model(model))


@lru_cache(maxsize=8)
def codec_for(short: bytes) -> Codec:
    """The codec of the shipped model that a file names by two bytes. Raises WrongModelError."""
    return _kept(find_model(short))


_loaded: dict[str, Codec] = {}  # by fingerprint, the last used last
_loading = threading.Lock()


def _kept(model: ModelFile) -> Codec:
    """The one codec of a model, however it is asked for and by how many threads."""
    with _loading:
        codec = _loaded.pop(model.fingerprint, None) or Codec.from_file(model)
        _loaded[model.fingerprint] = codec
        while len(_loaded) > MOST_LOADED:
            del _loaded[next(iter(_loaded))]
        return codec


def _to_tensor(canvases: npt.NDArray[np.uint8]) -> Tensor:
    if canvases.dtype != np.uint8 or canvases.shape[1:] != (CANVAS, CANVAS, 3):
        raise ValueError(
            f"canvases must be uint8 [B, {CANVAS}, {CANVAS}, 3], not {canvases.dtype} "
            f"{list(canvases.shape)}"
        )
    # A copy, since what Pillow gives is read-only, which torch will not have.
    return torch.from_numpy(np.array(canvases)).permute(0, 3, 1, 2).float() / 255
