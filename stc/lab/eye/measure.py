"""Measures eyes: the cosines, by other recognition models, of faces encoded with an eye.

    python -m stc.lab.eye.measure FACES.tar NETS [NAME=FILE.onnx[,PERCEPTION] ...] [-n 48]

NETS is the folder of the training networks. All eyes encode the same faces. `nearest` is without
synthesis; `fr_feature` is the network from which the eye is made, unpruned and in floating point.
dlib took no part in training; the other two recognition models are the eye's teachers.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from stc.bitstream import Tables
from stc.codec.core import open_core
from stc.codec.engine import CpuEngine
from stc.codec.eye import Eye
from stc.codec.limit import Limit
from stc.codec.model_file import open_model
from stc.codec.planes import to_planes
from stc.codec.synthesis import Plan, improve
from stc.codec.tokenizer import Tokenizer
from stc.codec.tokens import Tokens
from stc.codec.torch.canvas import to_rgb
from stc.lab.evaluation.metrics import cosines
from stc.lab.eye.network import EyeNetwork, load_onnx
from stc.lab.eye.views import FaceRes
from stc.lab.training.data import read_tar
from stc.lab.training.networks import Lpips
from stc.recognition.base import Faces
from stc.recognition.dlib import Dlib
from stc.settings import Settings

Floats = npt.NDArray[np.float32]
SIZES = (48, 96, 192)
ROUNDS = 8


class EyeLoss(Protocol):
    """Losses [B], and gradients [B, 6144], of canvases, as in `stc.codec.eye.EyeLoss`."""

    def losses(self, canvases: Faces) -> Floats: ...

    def gradients(self, canvases: Faces) -> tuple[Floats, Floats]: ...


class NetworkLoss:
    """An `EyeLoss` that uses a torch network in floating point; sources: uint8 [B, 128, 128, 3]."""

    def __init__(self, network: EyeNetwork, sources: Faces) -> None:
        self._network = network
        with torch.no_grad():
            self._own = network(_rgb(sources) * 2 - 1)

    def losses(self, canvases: Faces) -> Floats:
        """1 - cosine of each canvas and its source, [B]."""
        return self.gradients(canvases)[0]

    def gradients(self, canvases: Faces) -> tuple[Floats, Floats]:
        """`losses`, and their gradient with respect to the planes, [B, 6144]."""
        planes = torch.from_numpy(to_planes(canvases)).requires_grad_()
        linear = to_rgb(planes)
        rgb = linear + (_rgb(canvases) - linear).detach()
        losses = 1 - (self._network(rgb * 2 - 1) * self._own).sum(1)
        (gradient,) = torch.autograd.grad(losses.sum(), planes)
        return losses.detach().numpy(), gradient.numpy()


class _SynthesisEngine:
    """A `stc.codec.synthesis.SynthesisEngine` with any loss of this interface."""

    def __init__(self, engine: CpuEngine, tokenizer: Tokenizer, loss: EyeLoss) -> None:
        self._engine, self._tokenizer, self._loss = engine, tokenizer, loss

    def gradients(self, tokens: Tokens) -> tuple[Floats, Any]:
        losses, by_planes = self._loss.gradients(self._engine.draw(tokens))
        return losses, self._tokenizer.gradient(by_planes)

    def losses(self, tokens: Tokens) -> Floats:
        return self._loss.losses(self._engine.draw(tokens))

    def refine(self, components: Any, tokens: Tokens) -> Tokens:
        return self._tokenizer.refine(components, tokens, rounds=1)


class Judges:
    """Measures decoded faces against their sources: cosines, LPIPS and PSNR in dB.

    nets: the folder with fr_feature.onnx, faceres.onnx and lpips_alex.safetensors. sources: uint8
    [N, 128, 128, 3].
    """

    def __init__(self, nets: Path, sources: Faces) -> None:
        network = load_onnx(nets / "fr_feature.onnx").requires_grad_(False)
        second, dlib = FaceRes(nets / "faceres.onnx"), Dlib()
        self._embed = {
            "dlib": dlib.embed,
            "fr_feature": lambda faces: network(_rgb(faces) * 2 - 1).numpy(),
            "faceres": second.embed,
        }
        self._lpips, self._sources = Lpips(nets / "lpips_alex.safetensors"), sources
        self._own = {name: embed(sources) for name, embed in self._embed.items()}

    def judge(self, faces: Faces) -> dict[str, float]:
        """The means of `each`, by name."""
        return {name: float(values.mean()) for name, values in self.each(faces).items()}

    def each(self, faces: Faces) -> dict[str, npt.NDArray[np.float64]]:
        """Measure decoded faces uint8 [N, 128, 128, 3] of all sources; arrays [N] by name."""
        found = {
            name: cosines(embed(faces), self._own[name]) for name, embed in self._embed.items()
        }
        a, b = _rgb(self._sources), _rgb(faces)
        with torch.no_grad():
            pairs = zip(a.split(16), b.split(16), strict=True)
            found["lpips"] = (
                torch.cat([self._lpips(x * 2 - 1, y * 2 - 1) for x, y in pairs]).double().numpy()
            )
        found["psnr"] = (-10 * torch.log10((a - b).square().mean((1, 2, 3)))).double().numpy()
        return found


def measure(
    sources: Faces, nets: Path, eyes: dict[str, tuple[Path, float]], step: float
) -> Iterator[tuple[int, str, dict[str, float]]]:
    """Yield (bytes, name, mean figures) for `nearest`, `fr_feature` and all eyes, at SIZES.

    eyes: by name, the file and the weight of the perceptual distance. step: of synthesis.
    """
    model = open_model(None)
    engine, tokenizer = CpuEngine(model), Tokenizer(model, open_core(model))
    judges = Judges(nets, sources)
    network = load_onnx(nets / "fr_feature.onnx").requires_grad_(False)
    losses_by_name: dict[str, tuple[EyeLoss, float]] = {
        "fr_feature": (NetworkLoss(network, sources), 0)
    }
    for name, (file, perception) in eyes.items():
        losses_by_name[name] = Eye(file.read_bytes()).loss_against(sources, perception), perception
    for size in SIZES:
        limit = limit_of(model.tables, size)
        components, nearest = engine.tokenize(sources, limit)
        yield size, "nearest", judges.judge(engine.draw(nearest))
        for name, (loss, perception) in losses_by_name.items():
            plan = Plan(ROUNDS, step=step, perception=perception)
            synthesis_engine = _SynthesisEngine(engine, tokenizer, loss)
            tokens = improve(synthesis_engine, components, [nearest], limit, plan)
            yield size, name, judges.judge(engine.draw(tokens))


def limit_of(tables: Tables, size: int) -> Limit:
    """The limit of tokens that `size` bytes set."""
    return Limit.of(tables, Settings(max_bytes=size))


def _rgb(faces: Faces) -> torch.Tensor:
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255


def add_faces(parser: argparse.ArgumentParser, number: int) -> None:
    """Add the arguments for the faces and the folder of networks; number: the default of -n."""
    parser.add_argument("faces", type=Path)
    parser.add_argument("nets", type=Path)
    parser.add_argument("-n", type=int, default=number, help="faces")
    parser.add_argument("--every", type=int, default=1, help="take every such face")
    parser.add_argument("--first", type=int, default=0, help="from this one on")


def chosen_faces(options: argparse.Namespace) -> Faces:
    """The faces selected by the arguments of `add_faces`, uint8 [N, 128, 128, 3]."""
    chosen = itertools.islice(read_tar(options.faces), options.first, None, options.every)
    return np.stack([face[..., :3] for face in itertools.islice(chosen, options.n)])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_faces(parser, 48)
    parser.add_argument("eyes", nargs="*", metavar="NAME=FILE[,PERCEPTION]")
    parser.add_argument("--step", type=float, default=0.3)
    options = parser.parse_args()
    eyes = {}
    for eye in options.eyes:
        name, _, file = eye.partition("=")
        path, _, perception = file.partition(",")
        eyes[name] = Path(path), float(perception or 0)
    sources = chosen_faces(options)
    for size, name, figures in measure(sources, options.nets, eyes, options.step):
        shown = "  ".join(f"{judge} {value:.4f}" for judge, value in figures.items())
        print(f"{size:4} {name:12} {shown}", flush=True)


if __name__ == "__main__":
    main()
