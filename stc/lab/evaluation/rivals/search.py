"""Searches the settings of an image format for the best picture that fits a limit of bytes.

Every face is shrunk to each side length of `SIDES`, in colour and in grey, and encoded at several
qualities. The decoded picture is enlarged and compared with the face in colour, by squared error.
For every limit the best LEADERS combinations of side and colour are then encoded with the encoder's
full effort, and bisection finds the highest quality that fits. A combination is skipped when a
smaller file is known whose error is at most the error of shrinking alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, features
from PIL import __version__ as pillow_version

from stc.canvas import CANVAS
from stc.lab.evaluation.base import Coded, Faces

SIDES = (128, 112, 96, 80, 64, 56, 48, 40, 32, 24, 20, 16, 12, 8)
VERSION = 1  # of this search, part of the cache key
# A picture without its header still needs a byte for its side and colour.
SETTING_BYTES = 1
LEADERS = 2  # combinations of side and colour in the thorough search of a limit

Pixels = npt.NDArray[np.uint8]


class Format(Protocol):
    """An image format with one quality parameter."""

    @property
    def name(self) -> str:
        """The name of its rows in the results."""
        ...

    @property
    def qualities(self) -> Sequence[int]:
        """The qualities that the first search tries, ascending; the thorough one tries others."""
        ...

    def encode(self, picture: Image.Image, quality: int, thorough: bool) -> tuple[bytes, int]:
        """Encode a picture in mode RGB or L -> a complete file, and its size without headers.

        thorough: whether the encoder uses its full effort.
        """
        ...


@dataclass(frozen=True)
class Trial:
    """The result of one setting."""

    side: int  # pixels
    grey: bool
    quality: int
    data: bytes
    sizes: tuple[int, int]  # bytes with headers, and without
    error: float  # mean squared error of the enlarged picture


class Searched:
    """A format with the best settings for every face and limit, as a `FaceCodec`.

    Its two variants count the headers, or not (`bare`).
    """

    def __init__(self, form: Format) -> None:
        self.format = form
        self.variants = (form.name, f"{form.name} bare")
        self.key = f"{form.name}-{VERSION}-pillow {pillow_version}-{_library(form.name)}"

    def encode(self, faces: Faces, limits: Sequence[int]) -> dict[str, list[list[Coded]]]:
        """As `FaceCodec.encode`."""
        coded: dict[str, list[list[Coded]]] = {name: [[] for _ in limits] for name in self.variants}
        for face in faces:
            search = FaceSearch(self.format, face, limits)
            for i, limit in enumerate(limits):
                for kind, name in enumerate(self.variants):
                    coded[name][i].append(search.best(limit, kind))
        return coded

    def decode(self, files: Sequence[bytes]) -> Faces:
        """As `FaceCodec.decode`."""
        return np.stack([enlarged(data) for data in files])


class FaceSearch:
    """The search for one face uint8 [128, 128, 3]; `trials` has every setting that was tried.

    limits: in bytes. kind, in its methods: 0 if headers count, 1 if not.
    """

    def __init__(self, form: Format, face: Pixels, limits: Sequence[int]) -> None:
        self._format, self._face = form, face.astype(np.int16)
        self._picture = Image.fromarray(face)
        self._small: dict[tuple[int, bool], Image.Image] = {}
        self._known: dict[tuple[int, bool, int, bool], Trial] = {}
        self.trials: list[Trial] = []
        for grey in (False, True):
            for side in SIDES:
                self._scan(side, grey, max(limits))
        for limit in limits:
            for kind in (0, 1):
                for leader in self._leaders(limit, kind):
                    self._climb(leader, limit, kind)

    def best(self, limit: int, kind: int) -> Coded:
        """The file with the least error within the limit; if none fits, the smallest, as failed."""
        fitting = [trial for trial in self.trials if trial.sizes[kind] <= limit]
        if fitting:
            chosen = min(fitting, key=lambda trial: trial.error)
        else:
            chosen = min(self.trials, key=lambda trial: (trial.sizes[kind], trial.error))
        return Coded(chosen.data, chosen.sizes[kind], failed=not fitting)

    def _scan(self, side: int, grey: bool, most: int) -> None:
        """Try the format's qualities upwards until files are too large or cannot be the best."""
        loss = self._error(_enlarged(self._shrunk(side, grey)))
        for quality in self._format.qualities:
            trial = self._try(side, grey, quality, thorough=False)
            beaten = any(
                other.error <= loss
                and all(a <= b for a, b in zip(other.sizes, trial.sizes, strict=True))
                for other in self.trials
                if other is not trial
            )
            if beaten or min(trial.sizes) > most:
                return

    def _leaders(self, limit: int, kind: int) -> list[Trial]:
        """The best fitting trial of each of the LEADERS best combinations of side and colour."""
        fitting = sorted(
            (trial for trial in self.trials if trial.sizes[kind] <= limit),
            key=lambda trial: trial.error,
        )
        found: dict[tuple[int, bool], Trial] = {}
        for trial in fitting:
            found.setdefault((trial.side, trial.grey), trial)
        return list(found.values())[:LEADERS]

    def _climb(self, start: Trial, limit: int, kind: int) -> None:
        """Find the highest quality that fits, by bisection, with full effort."""
        ladder = self._format.qualities
        step = max(i for i, quality in enumerate(ladder) if quality <= start.quality)
        # Full effort makes files smaller, so qualities up to two steps higher can fit.
        low, high = start.quality, ladder[min(step + 2, len(ladder) - 1)]
        self._try(start.side, start.grey, low, thorough=True)
        while low < high:
            middle = (low + high + 1) // 2
            trial = self._try(start.side, start.grey, middle, thorough=True)
            if trial.sizes[kind] <= limit:
                low = middle
            else:
                high = middle - 1

    def _try(self, side: int, grey: bool, quality: int, thorough: bool) -> Trial:
        key = (side, grey, quality, thorough)
        if key not in self._known:
            data, bare = self._format.encode(self._shrunk(side, grey), quality, thorough)
            sizes = (len(data), bare + SETTING_BYTES)
            trial = Trial(side, grey, quality, data, sizes, self._error(enlarged(data)))
            self._known[key] = trial
            self.trials.append(trial)
        return self._known[key]

    def _shrunk(self, side: int, grey: bool) -> Image.Image:
        if (side, grey) not in self._small:
            small = self._picture.resize((side, side), Image.Resampling.LANCZOS)
            self._small[side, grey] = small.convert("L") if grey else small
        return self._small[side, grey]

    def _error(self, pixels: Pixels) -> float:
        return float(np.square(pixels - self._face, dtype=np.int32).mean())


def enlarged(data: bytes) -> Pixels:
    """Decode a square picture and resample it to the canvas, uint8 [128, 128, 3]."""
    with Image.open(io.BytesIO(data)) as image:
        return _enlarged(image)


def _enlarged(image: Image.Image) -> Pixels:
    rgb = image.convert("RGB")
    if rgb.size != (CANVAS, CANVAS):
        rgb = rgb.resize((CANVAS, CANVAS), Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def save(picture: Image.Image, kind: str, **settings: Any) -> bytes:
    """Encode a picture with Pillow in the format `kind`."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    return buffer.getvalue()


def _library(name: str) -> str:
    """The version of the library that encodes a format, or `plug-in` if Pillow has none."""
    feature = {"jpeg": "libjpeg_turbo", "jpeg2000": "jpg_2000"}.get(name, name)
    return str(features.version(feature)) if feature in features.get_supported() else "plug-in"
