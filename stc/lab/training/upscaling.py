"""Training of the upscaler, on pictures of 256 pixels and tokens of the same faces at 128.

Loss = squared error without filled pixels, weighted double inside the face
     + LPIPS + (1 - cosine of the embeddings of the upscaled picture at half size and the original)
     + the error that repeats every 4 pixels, which convolutions tend to leave as a fine mesh
     + in the last steps, an adversarial loss by a critic of patches.
Blurred originals would teach the upscaler to blur. Therefore the least sharp faces are left out,
and some of the others are blurred before encoding, with the sharp picture as the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from PIL import Image
from torch import Tensor, nn

from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.codec.torch.upscaler import Upscaler
from stc.errors import StcError
from stc.lab.training.adversarial import AdversarialPlan, AdversarialTrainer, channels_last
from stc.lab.training.collection import DataPlan, held_out, members
from stc.lab.training.data import read_tar, to_tensors
from stc.lab.training.losses import (
    face_weight,
    jitter,
    lattice_error,
    masked_error,
    random_crop,
)
from stc.lab.training.precision import mixed
from stc.lab.training.render import draw_counts
from stc.lab.training.synthesised import synthesised

SIDE = 256  # pixels
CROP = 160  # pixels; side of the random square that LPIPS compares in each step


@dataclass(frozen=True)
class UpscalerPlan(AdversarialPlan):
    """The configuration of the upscaler's training; see `AdversarialPlan`."""

    steps: int = 0
    batch: int = 8
    warm_up: int = 50
    average: float = 0.998
    perception: float = 0.8
    identity: float = 0.3
    lattice: float = 100.0  # weight of `losses.lattice_error`
    critic_from: float = 0.2
    sharpest: float = 0.7  # share of the faces, the sharpest, that are used
    blurred: float = 0.2  # share of these that are blurred before encoding
    rounds: int = 1  # of synthesis


@dataclass(frozen=True)
class Portraits:
    """N faces at two sizes."""

    canvases: npt.NDArray[np.uint8]  # [N, 128, 128, 4]
    large: npt.NDArray[np.uint8]  # [N, 256, 256, 4]
    held: npt.NDArray[np.bool_]  # [N] whether a face is for validation

    @classmethod
    def read(cls, folder: Path, plan: DataPlan) -> Portraits:
        """Read the files SET_256.tar of a folder, for the plan's sets, or all if it names none.

        The plan's validation faces are for validation here too. Raises StcError if there are fewer
        than two faces, ValueError if a picture does not have 256x256 pixels.
        """
        large: list[npt.NDArray[np.uint8]] = []
        held: list[bool] = []
        apart = held_out(folder, plan)
        wanted = {own.tar for own in plan.sets}
        for path in sorted(folder.glob(f"*_{SIDE}.tar")):
            own = path.stem.removesuffix(f"_{SIDE}")
            if not wanted or own in wanted:
                large += read_tar(path, SIDE)
                held += [f"{own}/{name}" in apart for name in members(path)]
        if len(large) < 2:
            raise StcError(f"{folder} has no faces of {SIDE} pixels in files named *_{SIDE}.tar")
        small = [_half(own) for own in large]
        return cls(np.stack(small), np.stack(large), np.array(held))

    def validation(self, number: int) -> Portraits:
        """At most `number` of the validation faces, evenly spaced."""
        rows = np.flatnonzero(self.held)
        rows = rows[np.linspace(0, len(rows) - 1, min(number, len(rows))).round().astype(int)]
        return Portraits(self.canvases[rows], self.large[rows], self.held[rows])

    def sharpness(self) -> npt.NDArray[np.float64]:
        """RMS, in grey levels, of the faces' difference between large and enlarged picture, [N]."""
        found = []
        for small, large in zip(self.canvases, self.large, strict=True):
            smooth = _grey(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            beyond = np.asarray(_grey(large), np.float64) - np.asarray(smooth, np.float64)
            # The rows and columns of the face: a blurred background is no fault.
            found.append(np.sqrt(np.square(beyond[60:230, 50:206]).mean()))
        return np.array(found)


class UpscalerTrainer(AdversarialTrainer):
    """Training of the upscaler in a run's folder: upscaler.pt, metrics.jsonl, sheets/."""

    stage = "upscaler"
    average: Upscaler

    def __init__(
        self,
        tokenizer: LevelTokenizer,
        decoder: Decoder,
        upscaler: Upscaler,
        portraits: Portraits,
        recognisers: list[nn.Module],
        lpips: nn.Module,
        plan: UpscalerPlan,
        folder: Path,
    ) -> None:
        sharpness = portraits.sharpness()
        sharp = sharpness >= np.quantile(sharpness, 1 - plan.sharpest)
        super().__init__(upscaler, np.flatnonzero(sharp & ~portraits.held), plan, folder)
        self.plan, self.portraits = plan, portraits
        self.tokenizer, self.decoder = tokenizer, channels_last(decoder)
        self.tokenizer.prepare()
        self.recognisers, self.lpips = recognisers, channels_last(lpips)
        self.validation = np.flatnonzero(portraits.held)
        self.weight = F.interpolate(face_weight(), scale_factor=2.0)

    def losses(self) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        """As `AdversarialTrainer.losses`."""
        plan, rows = self.plan, self.rows(self.step)
        rgb, mask = to_tensors(self.portraits.large[rows])
        canvases, _ = to_tensors(self.portraits.canvases[rows])
        flip = torch.rand(len(rows)) < 0.5
        for pictures in (rgb, mask, canvases):
            pictures[flip] = pictures[flip].flip(3)
        target = channels_last(rgb * 2 - 1)
        with torch.no_grad(), mixed():
            wanted = [recogniser(canvases * 2 - 1) for recogniser in self.recognisers]
        picture, features, condition = self.drawn(canvases, wanted[0])
        with mixed():
            output = self.network(picture, features, condition) * 2 - 1
        error = masked_error(output, target, self.weight * mask)
        seen = torch.where(mask > 0.5, output.clamp(-1.2, 1.2), target)
        halved = jitter(F.avg_pool2d(seen, 2))
        with mixed():
            perceived = self.lpips(*random_crop(seen, target, side=CROP))
            cosines = [
                (recogniser(halved) * own).sum(1)
                for recogniser, own in zip(self.recognisers, wanted, strict=True)
            ]
        cosine = torch.stack(cosines).mean(0)
        loss, parts = self.weighed(error, perceived, cosine, plan.pixels)
        mesh = lattice_error(seen - target).mean()
        return loss + plan.lattice * mesh, {**parts, "lattice": mesh}, target, seen

    @torch.no_grad()
    def drawn(self, canvases: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode canvases [B, 3, 128, 128] in [0, 1]; returns the output of `Decoder.draw`.

        A random share is blurred first. Each face has a random number of tokens, found by synthesis
        with its embedding `wanted` [B, E].
        """
        plan, tokenizer = self.plan, self.tokenizer
        counts = draw_counts(len(canvases), tokenizer.level_sizes)
        blurred = torch.rand(len(canvases)) < plan.blurred
        canvases = torch.where(blurred[:, None, None, None], _blur(canvases), canvases)
        components = tokenizer.analyse(canvases)
        groups, indices = tokenizer.encode(components)
        indices = tokenizer.refine(components, groups, indices, counts)
        own = (components, groups, indices, counts, wanted)
        indices = synthesised(tokenizer, self.decoder, self.recognisers[0], *own, plan.rounds)
        planes = tokenizer.planes(tokenizer.dequantize(indices, groups, counts))
        return self.decoder.draw(planes, counts / tokenizer.tokens)

    @torch.no_grad()
    def sheet(self, number: int = 8) -> None:
        """Write a sheet of validation faces: original, enlarged decoded picture, upscaled one."""
        rows = self.validation[:: max(1, len(self.validation) // number)][:number]
        rgb, _ = to_tensors(self.portraits.large[rows])
        canvases, _ = to_tensors(self.portraits.canvases[rows])
        wanted = self.recognisers[0](canvases * 2 - 1)
        drawn = self.drawn(canvases, wanted)
        plain = F.interpolate(drawn[0].clamp(0, 1), scale_factor=2.0, mode="bicubic")
        self.write_sheet([rgb, plain.clamp(0, 1), self.average(*drawn).clamp(0, 1)])


def _grey(picture: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(picture).convert("L")


def _half(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture [256, 256, 4] at half size, [128, 128, 4]; alpha stays 0 or 255."""
    side = SIDE // 2
    image = Image.fromarray(picture)
    rgb = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    rgb.putalpha(image.getchannel("A").resize((side, side), Image.Resampling.NEAREST))
    return np.asarray(rgb)


def _blur(canvases: Tensor) -> Tensor:
    """Canvases [B, 3, 128, 128] blurred by a mean over 3x3 pixels."""
    return F.avg_pool2d(F.pad(canvases, (1, 1, 1, 1), "replicate"), 3, 1)
