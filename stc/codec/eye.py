"""The encoder's eye: a small recogniser that says how far a decoded face is from its source.

One ONNX file holds the network forward and backward, so ONNX Runtime gives the gradient and no
torch is needed. Only encoders open it, and only where `Settings.effort` is above 0.
weights/README.md says where the file comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stc.codec.onnx_file import part
from stc.codec.planes import Canvases
from stc.errors import ModelError
from stc.packaged_network import OpenedOnce, read, session
from stc.threads import in_threads, threads

Floats = npt.NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights" / "stc-eye-1.onnx"
SHA256 = "bd43139bf81d02c47098f967c68da296936329648b6ddfab838d46e0d0b5f340"

_SEEN = "own_embedding", "own_features"
_OTHERWISE = ", or encode with effort 0, which does without"
_INSTALL = "install the package again" + _OTHERWISE


class View(NamedTuple):
    """What the eye sees in faces."""

    embedding: Floats  # [B, E], of length one
    features: Floats  # [B, F], what the perceptual distance compares


class Eye:
    """The network of one ONNX file; safe to use from several threads.

    Faces are looked at one by one, on one thread each, so that what is seen of a face never
    depends on others in its batch, nor on the number of cores. Raises ModelError if ONNX Runtime
    cannot open it.
    """

    def __init__(self, network: bytes) -> None:
        try:
            # The gradient takes as long as all the rest, and not every look needs it. Which of the
            # two looks is fixed, since they may differ in the last bits.
            self._forward = session(part(network, [*_SEEN, "loss"]))
            self._whole = session(network)
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise ModelError(f"the encoder's eye cannot be opened: {error}; {_INSTALL}") from error
        sizes = {one.name: one.shape[1:] for one in self._whole.get_inputs()}
        self._sizes = sizes["embedding"], sizes["features"]

    def look(self, canvases: Canvases) -> View:
        """What is seen in faces uint8 [B, 128, 128, 3]. Raises ModelError if it cannot be run."""
        nothing = View(*(np.zeros((len(canvases), *size), np.float32) for size in self._sizes))
        return View(*self._each(_SEEN, canvases, nothing, 0))

    def toward(self, canvases: Canvases, perception: float) -> Gaze:
        """What measures how far other faces are from these sources; see `Gaze`."""
        return Gaze(self, self.look(canvases), perception)

    def _each(
        self, wanted: tuple[str, ...], canvases: Canvases, source: View, perception: float
    ) -> list[Floats]:
        """What is wanted of every face beside its source, several faces at a time."""
        weight = np.array([perception], np.float32)
        network = self._whole if "gradient" in wanted else self._forward

        def work(row: int) -> list[Floats]:
            own = slice(row, row + 1)
            given = {
                "canvas": canvases[own],
                "embedding": source.embedding[own],
                "features": source.features[own],
                "perception": weight,
            }
            try:
                with _shipped.used:
                    found: list[Floats] = network.run(wanted, given)
            except Exception as error:  # ONNX Runtime's errors share no base of their own
                raise ModelError(f"the encoder's eye cannot be run: {error}; {_INSTALL}") from error
            return found

        parts = in_threads(work, len(canvases), threads())
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


@dataclass(frozen=True, eq=False)
class Gaze:
    """An eye on B faces, whose sources it has seen.

    How far a face is from its source: 1 - cosine of the embeddings, and `perception` times the
    distance of the features.
    """

    eye: Eye
    source: View
    perception: float

    def losses(self, canvases: Canvases) -> Floats:
        """How far faces uint8 [B, 128, 128, 3] are from their sources, [B].

        Raises ModelError if the eye cannot be run.
        """
        return self.eye._each(("loss",), canvases, self.source, self.perception)[0]

    def slopes(self, canvases: Canvases) -> tuple[Floats, Floats]:
        """The losses [B], and the gradient of each by the planes of its face, [B, 6144].

        The detail that a decoder adds to planes is taken for a constant: nearly all of the gain
        for two thirds of the time. Raises ModelError if the eye cannot be run.
        """
        wanted = "loss", "gradient"
        losses, gradient = self.eye._each(wanted, canvases, self.source, self.perception)
        return losses, gradient


def open_eye() -> Eye:
    """The shipped eye, opened once a process, and again in a child that was forked while it looked.

    Raises ModelMissingError without its file, WrongModelError if the file was changed.
    """
    return _shipped.get()


def read_network() -> bytes:
    """The shipped ONNX file. Raises ModelMissingError, WrongModelError."""
    return read(WEIGHTS, SHA256, "the encoder's eye", _OTHERWISE)


_shipped = OpenedOnce(lambda: Eye(read_network()))
