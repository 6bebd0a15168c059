"""Training of the decoder, and fine-tuning of the quantiser with it, stopped and resumed at will.

Every face of a batch draws its own number of tokens, so that one decoder serves all sizes.
Loss = squared error where a camera saw something, the face counted double
     + LPIPS + (1 - cosine of a recogniser's embeddings, on half of the batch).
"""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from stc.codec.canvas import CANVAS
from stc.codec.decoder import Decoder
from stc.codec.tokenizer import LevelTokenizer
from stc.training.data import to_tensors
from stc.training.networks import Lpips, Recogniser
from stc.training.quantiser import codebooks, straight_through, transforms


@dataclass(frozen=True)
class RenderPlan:
    """How long and against what the decoder is trained."""

    steps: int
    batch: int = 24
    rate: float = 1e-3
    frozen: int = 3000  # steps before the quantiser moves too, at these shares of the rate:
    codebook_share: float = 0.3
    transform_share: float = 0.02
    warm_up: int = 300
    average: float = 0.999  # decay of the weights' moving average, which is what ships
    pixels: float = 3.0  # weight of the squared error of [-1, 1] pixels at few tokens ...
    fidelity: float = 1.5  # ... and how much it grows by the last token, times itself
    perception: float = 0.4
    identity: float = 1.0
    held_out: int = 200  # every 200th face is for validation
    save_every: int = 250
    sheet_every: int = 1000


def face_weight() -> Tensor:
    """[1, 1, 128, 128]: 2 inside the oval of the face, 1 outside."""
    y, x = torch.meshgrid(torch.arange(CANVAS), torch.arange(CANVAS), indexing="ij")
    oval = ((x - 64) / 34) ** 2 + ((y - 76) / 44) ** 2 < 1
    return (1 + oval.float())[None, None]


def draw_counts(number: int, sizes: list[int]) -> Tensor:
    """Tokens for each of `number` faces: mostly the end of a level, sometimes inside one."""
    ends = torch.tensor(sizes).cumsum(0)
    at_end = ends[torch.randint(len(ends), (number,))]
    anywhere = torch.randint(sizes[0] // 2, int(ends[-1]) + 1, (number,))
    return torch.where(torch.rand(number) < 0.75, at_end, anywhere)


def shift(*images: Tensor) -> list[Tensor]:
    """The same random corner cut off every image.

    LPIPS looks every fourth pixel; with a fixed grid the decoder learns to please just those.
    """
    y, x = torch.randint(0, 4, (2,)).tolist()
    return [i[:, :, y : y + CANVAS - 4, x : x + CANVAS - 4] for i in images]


def jitter(*images: Tensor) -> list[Tensor]:
    """The same small shift and zoom for every image: no recogniser sees one exact alignment."""
    number = len(images[0])
    zoom = 1 + 0.03 * torch.randn(number).clamp(-2, 2)
    shift = 0.015 * torch.randn(number, 2).clamp(-2, 2)
    theta = torch.zeros(number, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = zoom
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, [number, 3, CANVAS, CANVAS], align_corners=False)
    return [F.grid_sample(i, grid, "bilinear", "border", align_corners=False) for i in images]


class RenderTrainer:
    """One run in one folder: checkpoint.pt, metrics.jsonl, sheets/.

    faces are uint8 [N, 128, 128, 4], components [2, N, Z] those of the faces and their mirrors
    with filled borders: no token is spent on a border that only repeats.
    """

    def __init__(
        self,
        tokenizer: LevelTokenizer,
        faces: npt.NDArray[np.uint8],
        components: npt.NDArray[np.float16],
        recogniser: Recogniser,
        lpips: Lpips,
        plan: RenderPlan,
        folder: Path,
    ) -> None:
        self.tokenizer, self.plan, self.folder = tokenizer, plan, folder
        self.faces, self.components = faces, components
        self.recogniser, self.lpips = recogniser, lpips.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        everything = np.arange(len(faces))
        self.validation = everything[:: plan.held_out]
        self.training = np.setdiff1d(everything, self.validation)
        self.decoder = Decoder().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.decoder).requires_grad_(False)
        self.average_tokenizer = copy.deepcopy(tokenizer)
        quantiser = {plan.codebook_share: codebooks(tokenizer)}
        quantiser[plan.transform_share] = transforms(tokenizer)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": list(self.decoder.parameters()), "share": 1.0, "weight_decay": 0.01},
                *({"params": own, "share": share} for share, own in quantiser.items()),
            ],
            betas=(0.9, 0.99),
            weight_decay=0.0,
        )
        self.step = 0
        self.weight = face_weight()
        if self.checkpoint.exists():
            self.restore()

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        state = {
            "decoder": self.decoder.state_dict(),
            "average": self.average.state_dict(),
            "tokenizer": self.tokenizer.state_dict(),
            "average_tokenizer": self.average_tokenizer.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "generator": torch.get_rng_state(),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def restore(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.decoder.load_state_dict(state["decoder"])
        self.average.load_state_dict(state["average"])
        self.tokenizer.load_state_dict(state["tokenizer"])
        self.average_tokenizer.load_state_dict(state["average_tokenizer"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        torch.set_rng_state(state["generator"])

    def rows(self, step: int) -> npt.NDArray[np.int64]:
        """The faces of one step; depends on the step alone, so that a resumed run goes on."""
        size = self.plan.batch
        epoch, place = divmod(step, len(self.training) // size)
        order = np.random.default_rng(epoch).permutation(self.training)
        return order[place * size : (place + 1) * size]

    def learning_rate(self) -> float:
        warm = min(1.0, (self.step + 1) / self.plan.warm_up)
        decay = 0.5 + 0.5 * math.cos(math.pi * min(1.0, self.step / self.plan.steps))
        return self.plan.rate * warm * max(decay, 0.01)

    def train(self) -> None:
        progress = tqdm(total=self.plan.steps, initial=self.step, desc="decoder", mininterval=10)
        start = time.monotonic()
        while self.step < self.plan.steps:
            metrics = self.train_step()
            progress.update()
            if self.step % 50 == 0 or self.step == self.plan.steps:
                metrics |= {"step": self.step, "seconds": round(time.monotonic() - start, 1)}
                with (self.folder / "metrics.jsonl").open("a") as log:
                    log.write(json.dumps(metrics) + "\n")
            if self.step % self.plan.save_every == 0 or self.step == self.plan.steps:
                self.save()
            if self.step % self.plan.sheet_every == 0 or self.step == self.plan.steps:
                self.sheet()

    def train_step(self) -> dict[str, float]:
        plan = self.plan
        rows = self.rows(self.step)
        rgb, mask = to_tensors(self.faces[rows])
        flip = torch.rand(len(rgb)) < 0.5
        rgb[flip], mask[flip] = rgb[flip].flip(3), mask[flip].flip(3)
        counts = draw_counts(len(rgb), self.tokenizer.level_sizes)
        components = torch.from_numpy(self.components[flip.long().numpy(), rows]).float()
        joint = self.step >= plan.frozen
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate() * group["share"]
            if group["share"] < 1:
                for tensor in group["params"]:
                    tensor.requires_grad_(joint)
        planes, spent = self.quantised(self.tokenizer, components, counts, joint)
        target = (rgb * 2 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            output = self.decoder(planes, spent) * 2 - 1
        weight = self.weight * mask
        error = ((output - target).square() * weight).sum((1, 2, 3)) / (3 * weight.sum((1, 2, 3)))
        seen = torch.where(mask > 0.5, output.clamp(-1.2, 1.2), target)
        with torch.autocast("cpu", torch.bfloat16):
            perceived = self.lpips(*shift(seen, target))
            half = slice(0, len(rgb) // 2)
            ours, theirs = jitter(seen[half], target[half])
            with torch.no_grad():
                wanted = self.recogniser(theirs)
            cosine = (self.recogniser(ours) * wanted).sum(1)
        pixel_weight = plan.pixels * (1 + plan.fidelity * spent)
        loss = (
            (pixel_weight * error).mean()
            + plan.perception * perceived.mean()
            + plan.identity * (1 - cosine).mean()
        )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.follow(min(self.plan.average, self.step / (self.step + 10)))
        return {
            "loss": round(loss.item(), 5),
            "mse": round(error.mean().item(), 5),
            "lpips": round(perceived.mean().item(), 4),
            "identity": round(cosine.mean().item(), 4),
            "gradient": round(norm.item(), 3),
        }

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move the averages towards what is trained."""
        pairs = [(self.average.parameters(), self.decoder.parameters())]
        for parts in (codebooks, transforms) if self.step > self.plan.frozen else ():
            pairs.append((parts(self.average_tokenizer), parts(self.tokenizer)))
        for slow_ones, fast_ones in pairs:
            for slow, fast in zip(slow_ones, fast_ones, strict=True):
                slow.lerp_(fast, 1 - decay)

    def quantised(
        self, tokenizer: LevelTokenizer, components: Tensor, counts: Tensor, joint: bool
    ) -> tuple[Tensor, Tensor]:
        """Components [B, Z] -> what the decoder gets for the first counts[b] tokens of each."""
        with torch.set_grad_enabled(joint):
            groups, indices = tokenizer.encode(components)
            if joint:
                told = straight_through(tokenizer, components, groups, counts)
            else:
                told = tokenizer.dequantise(indices, groups, counts)
            return tokenizer.planes(told), counts / tokenizer.tokens

    @torch.no_grad()
    def sheet(self, number: int = 12) -> None:
        """Validation faces at every level, one face a row, the original first."""
        rows = self.validation[:: max(1, len(self.validation) // number)][:number]
        rgb, _ = to_tensors(self.faces[rows])
        columns = [rgb]
        for count in torch.tensor(self.tokenizer.level_sizes).cumsum(0).tolist():
            counts = torch.full((len(rgb),), count)
            components = torch.from_numpy(self.components[0, rows]).float()
            planes, spent = self.quantised(self.average_tokenizer, components, counts, False)
            columns.append(self.average(planes, spent).clamp(0, 1))
        grid = torch.stack(columns, 1)  # [N, columns, 3, H, W]
        pixels = grid.permute(0, 3, 1, 4, 2).reshape(len(rgb) * CANVAS, -1, 3)
        (self.folder / "sheets").mkdir(exist_ok=True)
        Image.fromarray((pixels * 255).round().byte().numpy()).save(
            self.folder / "sheets" / f"{self.step:06d}.png"
        )
