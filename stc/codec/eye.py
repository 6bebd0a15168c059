"""The eye: a small recognition model that measures how far a decoded face is from its source.

One ONNX file contains the forward and the backward pass, so ONNX Runtime computes the gradient and
torch is not needed. Only encoders open it, and only if `Settings.effort` is above 0. The origin of
the file is in weights/README.md.
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

OUTPUTS = "own_embedding", "own_features"  # of `EyeOutputs`, by their names in the file
_OTHERWISE = ", or encode with effort 0, which does not need it"
_INSTALL = "install the package again" + _OTHERWISE


class EyeOutputs(NamedTuple):
    """The outputs of the eye for B faces."""

    embedding: Floats  # [B, E], unit vectors
    features: Floats  # [B, F], compared by the perceptual distance


class Eye:
    """The network of one ONNX file; safe to use from several threads.

    Each face is computed alone on one thread, so results do not depend on the other faces of a
    batch or on the number of cores. Raises ModelError if ONNX Runtime cannot open the file.
    """

    def __init__(self, network: bytes) -> None:
        try:
            # Two sessions: the gradient takes half of the time and is not always needed. The
            # outputs determine the session, since the two may differ in the last bits.
            self._forward = session(part(network, [*OUTPUTS, "loss"]))
            self._whole = session(network)
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise ModelError(f"the encoder's eye cannot be opened: {error}; {_INSTALL}") from error
        sizes = {one.name: one.shape[1:] for one in self._whole.get_inputs()}
        self._sizes = sizes["embedding"], sizes["features"]

    def look(self, canvases: Canvases) -> EyeOutputs:
        """Compute embeddings and features of faces uint8 [B, 128, 128, 3].

        Raises ModelError if the network cannot be run.
        """
        nothing = EyeOutputs(
            *(np.zeros((len(canvases), *size), np.float32) for size in self._sizes)
        )
        return EyeOutputs(*self._each(OUTPUTS, canvases, nothing, 0))

    def loss_against(self, canvases: Canvases, perception: float) -> EyeLoss:
        """Return an `EyeLoss`, which measures how far other faces are from these sources.

        canvases: the sources, uint8 [B, 128, 128, 3]. perception: the weight of the perceptual
        distance. Raises ModelError if the network cannot be run.
        """
        return EyeLoss(self, self.look(canvases), perception)

    def _each(
        self, wanted: tuple[str, ...], canvases: Canvases, source: EyeOutputs, perception: float
    ) -> list[Floats]:
        """The wanted outputs of the network for each face and its source, on several threads."""
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
class EyeLoss:
    """The distances of B faces from B sources, as measured by an eye.

    The loss of a face is 1 - cosine of the embeddings plus `perception` times the distance of the
    features.
    """

    eye: Eye
    source: EyeOutputs
    perception: float

    def losses(self, canvases: Canvases) -> Floats:
        """Return the losses [B] of faces uint8 [B, 128, 128, 3].

        Raises ModelError if the eye cannot be run.
        """
        return self.eye._each(("loss",), canvases, self.source, self.perception)[0]

    def gradients(self, canvases: Canvases) -> tuple[Floats, Floats]:
        """Return the losses [B], and their gradients with respect to the faces' planes [B, 6144].

        The detail that the decoder adds to the planes is treated as a constant. This keeps nearly
        all of the gain and takes two thirds of the time. Raises ModelError if the eye cannot be
        run.
        """
        wanted = "loss", "gradient"
        losses, gradient = self.eye._each(wanted, canvases, self.source, self.perception)
        return losses, gradient


def open_eye() -> Eye:
    """Return the shipped eye, opened once per process (see `stc.packaged_network.OpenedOnce`).

    Raises ModelMissingError if its file is missing, WrongModelError if the file was changed,
    ModelError if ONNX Runtime cannot open it.
    """
    return _shipped.get()


def read_network() -> bytes:
    """Read the bytes of the shipped ONNX file. Raises ModelMissingError, WrongModelError."""
    return read(WEIGHTS, SHA256, "the encoder's eye", _OTHERWISE)


_shipped = OpenedOnce(lambda: Eye(read_network()))
