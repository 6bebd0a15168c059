"""Training of the decoder, and of the quantizer with it, stopped and resumed at will.

Every face of a batch draws its own number of tokens, so that one decoder serves all sizes.
Loss = squared error where a camera saw something, the face counted double
     + LPIPS + (1 - cosine to the original in a recogniser, on half of the batch)
     + in the last steps what a critic of patches holds against the picture.
"""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from stc.canvas import CANVAS
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.gallery.progress import hidden
from stc.lab.training.critic import Critic, critic_loss
from stc.lab.training.data import Repeat, to_tensors
from stc.lab.training.losses import face_weight, jitter, masked_error, shift
from stc.lab.training.networks import Lpips, Recogniser
from stc.lab.training.schedule import learning_rate
from stc.lab.training.straight_through import codebooks, straight_through, transforms

_Module = TypeVar("_Module", bound=nn.Module)


@dataclass(frozen=True)
class RenderPlan:
    """How long and against what the decoder is trained."""

    steps: int
    repeat: tuple[Repeat, ...] = ()
    batch: int = 24
    rate: float = 1e-3
    frozen: int = 3000  # steps before the quantizer moves too, at these shares of the rate:
    codebook_share: float = 0.3
    transform_share: float = 0.02
    warm_up: int = 300
    average: float = 0.999  # decay of the weights' moving average, which is what ships
    pixels: float = 3.0  # weight of the squared error of [-1, 1] pixels at few tokens ...
    fidelity: float = 1.5  # ... and how much it grows by the last token, times itself
    perception: float = 0.4
    identity: float = 1.0
    critic_from: float = 0.6  # share of the steps after which the critic has a say,
    critic: float = 0.02  # and how much
    held_out: int = 200  # every 200th face is for validation
    save_every: int = 250
    sheet_every: int = 1000


@dataclass(frozen=True)
class Faces:
    """What a run learns from, in the order of one array of N faces."""

    pixels: npt.NDArray[np.uint8]  # [N, 128, 128, 4]
    components: npt.NDArray[np.float16]  # [2, N, Z] of the faces and their mirrors, borders filled
    embeddings: npt.NDArray[np.float16]  # [N, E] by the recogniser, mirror images included
    repeats: npt.NDArray[np.int64]  # [N] how often an epoch shows each


@torch.inference_mode()
def embed(pixels: npt.NDArray[np.uint8], recogniser: Recogniser) -> npt.NDArray[np.float16]:
    """Faces [N, 128, 128, 4] -> the recogniser's mean opinion of each and its mirror, [N, E]."""
    found = []
    for start in tqdm(range(0, len(pixels), 64), desc="embeddings", disable=hidden()):
        rgb = to_tensors(pixels[start : start + 64])[0] * 2 - 1
        with torch.autocast("cpu", torch.bfloat16):
            both = recogniser(rgb) + recogniser(rgb.flip(3))
        found.append(nn.functional.normalize(both).half().numpy())
    return np.concatenate(found)


def draw_counts(number: int, sizes: list[int]) -> Tensor:
    """Tokens for each of `number` faces: mostly the end of a level, sometimes inside one."""
    ends = torch.tensor(sizes).cumsum(0)
    at_end = ends[torch.randint(len(ends), (number,))]
    anywhere = torch.randint(sizes[0] // 2, int(ends[-1]) + 1, (number,))
    return torch.where(torch.rand(number) < 0.75, at_end, anywhere)


class RenderTrainer:
    """One run in one folder: checkpoint.pt, metrics.jsonl, sheets/."""

    def __init__(
        self,
        tokenizer: LevelTokenizer,
        decoder: Decoder,
        faces: Faces,
        recogniser: Recogniser,
        lpips: Lpips,
        plan: RenderPlan,
        folder: Path,
    ) -> None:
        self.plan, self.folder, self.faces = plan, folder, faces
        self.tokenizer = tokenizer
        self.decoder = _channels_last(decoder).requires_grad_(True)
        self.recogniser, self.lpips = recogniser, _channels_last(lpips)
        self.critic = _channels_last(Critic())
        everything = np.arange(len(faces.pixels))
        self.validation = everything[:: plan.held_out]
        training = np.setdiff1d(everything, self.validation)
        self.training = np.repeat(training, faces.repeats[training])
        self.average = copy.deepcopy(self.decoder).requires_grad_(False)
        self.average_tokenizer = copy.deepcopy(tokenizer)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": list(self.decoder.parameters()), "share": 1.0, "weight_decay": 0.01},
                {"params": codebooks(tokenizer), "share": plan.codebook_share},
                {"params": transforms(tokenizer), "share": plan.transform_share},
            ],
            betas=(0.9, 0.99),
            weight_decay=0.0,
        )
        self.critic_optimiser = torch.optim.AdamW(
            self.critic.parameters(), lr=4e-4, betas=(0.0, 0.99)
        )
        self.step = 0
        self.weight = face_weight()
        if self.checkpoint.exists():
            self.restore()

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def _stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "decoder": self.decoder,
            "average": self.average,
            "tokenizer": self.tokenizer,
            "average_tokenizer": self.average_tokenizer,
            "critic": self.critic,
            "optimiser": self.optimiser,
            "critic_optimiser": self.critic_optimiser,
        }

    def save(self) -> None:
        state = {name: part.state_dict() for name, part in self._stateful.items()}
        partial = self.checkpoint.with_suffix(".partial")
        torch.save({**state, "step": self.step, "generator": torch.get_rng_state()}, partial)
        partial.replace(self.checkpoint)

    def restore(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        for name, part in self._stateful.items():
            part.load_state_dict(state[name])
        self.step = state["step"]
        torch.set_rng_state(state["generator"])

    def rows(self, step: int) -> npt.NDArray[np.int64]:
        """The faces of one step; depends on the step alone, so that a resumed run goes on."""
        size = self.plan.batch
        epoch, place = divmod(step, len(self.training) // size)
        order = np.random.default_rng(epoch).permutation(self.training)
        return order[place * size : (place + 1) * size]

    def train(self) -> None:
        done, total = self.step, self.plan.steps
        progress = tqdm(total=total, initial=done, desc="decoder", mininterval=10, disable=hidden())
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
        plan, rows = self.plan, self.rows(self.step)
        joint = self.step >= plan.frozen
        rate = learning_rate(plan.rate, self.step, plan.steps, plan.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        rgb, mask = to_tensors(self.faces.pixels[rows])
        flip = torch.rand(len(rgb)) < 0.5
        rgb[flip], mask[flip] = rgb[flip].flip(3), mask[flip].flip(3)
        counts = draw_counts(len(rgb), self.tokenizer.level_sizes)
        components = torch.from_numpy(self.faces.components[flip.long().numpy(), rows]).float()
        planes, spent = self.quantised(self.tokenizer, components, counts, joint)
        target = (rgb * 2 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            output = self.decoder(planes, spent) * 2 - 1
        error = masked_error(output, target, self.weight * mask)
        seen = torch.where(mask > 0.5, output.clamp(-1.2, 1.2), target)
        half = slice(0, len(rgb) // 2)
        with torch.autocast("cpu", torch.bfloat16):
            perceived = self.lpips(*shift(seen, target))
            wanted = torch.from_numpy(self.faces.embeddings[rows[half]]).float()
            cosine = (self.recogniser(jitter(seen[half])) * wanted).sum(1)
        pixel_weight = plan.pixels * (1 + plan.fidelity * spent)
        loss = (
            (pixel_weight * error).mean()
            + plan.perception * perceived.mean()
            + plan.identity * (1 - cosine).mean()
        )
        metrics = {
            "loss": loss,
            "mse": error.mean(),
            "lpips": perceived.mean(),
            "identity": cosine.mean(),
        }
        if self.step >= plan.critic_from * plan.steps:
            metrics["critic"] = self.train_critic(target, seen.detach())
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss - plan.critic * self.critic(seen).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        metrics["gradient"] = nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.follow(min(plan.average, self.step / (self.step + 10)))
        return {name: round(value.item(), 5) for name, value in metrics.items()}

    def train_critic(self, real: Tensor, drawn: Tensor) -> Tensor:
        """One step of the critic on photographs and drawn faces [B, 3, 128, 128] -> its loss."""
        with torch.autocast("cpu", torch.bfloat16):
            loss = critic_loss(*self.critic(torch.cat([real, drawn])).chunk(2))
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimiser.step()
        return loss.detach()

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move the averages towards what is trained."""
        slow, fast = (list[Tensor](m.parameters()) for m in (self.average, self.decoder))
        pairs = [(slow, fast)]
        for parts in (codebooks, transforms) if self.step > self.plan.frozen else ():
            pairs.append((parts(self.average_tokenizer), parts(self.tokenizer)))
        for slow_ones, fast_ones in pairs:
            for average, current in zip(slow_ones, fast_ones, strict=True):
                average.lerp_(current, 1 - decay)

    def quantised(
        self,
        tokenizer: LevelTokenizer,
        components: Tensor,
        counts: Tensor,
        joint: bool,
    ) -> tuple[Tensor, Tensor]:
        """Components [B, Z] -> what the decoder gets for the first counts[b] tokens of each."""
        for tensor in trained_parts(tokenizer):
            tensor.requires_grad_(joint)
        with torch.no_grad():
            tokenizer.prepare()
            groups, indices = tokenizer.encode(components)
            indices = tokenizer.refine(components, groups, indices, counts)
        with torch.set_grad_enabled(joint):
            quantised = straight_through(tokenizer, components, groups, indices, counts)
            return tokenizer.planes(quantised), counts / tokenizer.tokens

    @torch.no_grad()
    def sheet(self, number: int = 12) -> None:
        """Validation faces at every level, one face a row, the original first."""
        rows = self.validation[:: max(1, len(self.validation) // number)][:number]
        rgb, _ = to_tensors(self.faces.pixels[rows])
        columns = [rgb]
        for count in torch.tensor(self.tokenizer.level_sizes).cumsum(0).tolist():
            counts = torch.full((len(rgb),), count)
            components = torch.from_numpy(self.faces.components[0, rows]).float()
            planes, spent = self.quantised(self.average_tokenizer, components, counts, False)
            columns.append(self.average(planes, spent).clamp(0, 1))
        grid = torch.stack(columns, 1)  # [N, columns, 3, H, W]
        pixels = grid.permute(0, 3, 1, 4, 2).reshape(len(rgb) * CANVAS, -1, 3)
        (self.folder / "sheets").mkdir(exist_ok=True)
        Image.fromarray((pixels * 255).round().byte().numpy()).save(
            self.folder / "sheets" / f"{self.step:06d}.png"
        )


def trained_parts(tokenizer: LevelTokenizer) -> list[Tensor]:
    """What of a tokeniser is trained beside the decoder: codewords and transforms."""
    return [*codebooks(tokenizer), *transforms(tokenizer)]


def _channels_last(module: _Module) -> _Module:
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
