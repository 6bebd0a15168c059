"""Training of the decoder on the tokens of a frozen tokenizer; it can be stopped and resumed.

Every face of a batch has a random number of tokens, so that one decoder serves all sizes. Some
faces have tokens found by synthesis.
Loss = squared error without filled pixels, weighted double inside the face
     + LPIPS + (1 - cosine of the embeddings of decoded and original face, on half of the batch)
     + in the last steps, an adversarial loss by a critic of patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from stc.canvas import CANVAS
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.gallery.progress import hidden
from stc.lab.training.adversarial import AdversarialPlan, AdversarialTrainer, channels_last
from stc.lab.training.collection import Collection
from stc.lab.training.data import to_tensors
from stc.lab.training.losses import face_weight, jitter, masked_error, shift
from stc.lab.training.metric import parity
from stc.lab.training.precision import mixed
from stc.lab.training.synthesised import synthesised


@dataclass(frozen=True)
class RenderPlan(AdversarialPlan):
    """The configuration of the decoder's training.

    The weight of the squared error is pixels * (1 + fidelity * share of the tokens).
    """

    fidelity: float = 1.5
    # Share of the steps before synthesis starts: it needs a decoder whose faces are recognisable.
    synthesised_from: float = 0.6
    synthesised: float = 0.5  # share of the faces whose tokens synthesis finds after that
    rounds: int = 2  # of synthesis


@dataclass(frozen=True)
class Faces:
    """The training data: a collection of N faces, with their components and embeddings."""

    collection: Collection
    components: npt.NDArray[np.float16]  # [N, Z], with estimated borders
    embeddings: npt.NDArray[np.float16]  # [N, E], see `embed`


@torch.inference_mode()
def embed(pixels: npt.NDArray[np.uint8], recogniser: nn.Module) -> npt.NDArray[np.float16]:
    """Mean embeddings of each face uint8 [N, 128, 128, 4] and its mirror image, normalised, [N, E].

    recogniser: a recognition model for RGB in [-1, 1], such as `networks.Panel`.
    """
    found = []
    for start in tqdm(range(0, len(pixels), 64), desc="embeddings", disable=hidden()):
        rgb = to_tensors(pixels[start : start + 64])[0] * 2 - 1
        with mixed():
            both = recogniser(rgb) + recogniser(rgb.flip(3))
        found.append(nn.functional.normalize(both).half().numpy())
    return np.concatenate(found)


def draw_counts(number: int, sizes: list[int]) -> Tensor:
    """Random token counts int64 [number]: three quarters at the end of a level, others anywhere.

    sizes: the tokens of each level. Counts are at least half of the first level's.
    """
    ends = torch.tensor(sizes).cumsum(0)
    at_end = ends[torch.randint(len(ends), (number,))]
    anywhere = torch.randint(sizes[0] // 2, int(ends[-1]) + 1, (number,))
    return torch.where(torch.rand(number) < 0.75, at_end, anywhere)


class RenderTrainer(AdversarialTrainer):
    """Training of the decoder in a run's folder: decoder.pt, metrics.jsonl, sheets/."""

    stage = "decoder"
    average: Decoder

    def __init__(
        self,
        tokenizer: LevelTokenizer,
        decoder: Decoder,
        faces: Faces,
        recogniser: nn.Module,
        lpips: nn.Module,
        plan: RenderPlan,
        folder: Path,
    ) -> None:
        held, repeats = faces.collection.held, faces.collection.repeats
        training = np.repeat(np.arange(len(held)), np.where(held, 0, repeats))
        super().__init__(decoder, training, plan, folder)
        self.plan, self.faces = plan, faces
        self.tokenizer = tokenizer
        self.tokenizer.prepare()
        self.recogniser, self.lpips = recogniser, channels_last(lpips)
        self.validation = np.flatnonzero(held)
        self.weight = face_weight()

    def losses(self) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        """As `AdversarialTrainer.losses`."""
        plan, rows = self.plan, self.rows(self.step)
        rgb, mask = to_tensors(self.faces.collection.pixels[rows])
        flip = torch.rand(len(rgb)) < 0.5
        rgb[flip], mask[flip] = rgb[flip].flip(3), mask[flip].flip(3)
        counts = draw_counts(len(rgb), self.tokenizer.level_sizes)
        components = self.components(rows)
        components[flip] *= self.parity
        embeddings = torch.from_numpy(self.faces.embeddings[rows]).float()
        planes, spent = self.quantized(components, counts, embeddings)
        target = channels_last(rgb * 2 - 1)
        with mixed():
            output = self.network(planes, spent) * 2 - 1
        error = masked_error(output, target, self.weight * mask)
        seen = torch.where(mask > 0.5, output.clamp(-1.2, 1.2), target)
        half = slice(0, len(rgb) // 2)
        with mixed():
            perceived = self.lpips(*shift(seen, target))
            cosine = (self.recogniser(jitter(seen[half])) * embeddings[half]).sum(1)
        pixel_weight = plan.pixels * (1 + plan.fidelity * spent)
        return *self.weighed(error, perceived, cosine, pixel_weight), target, seen

    @property
    def eye(self) -> nn.Module:
        """The recognition model of synthesis: the first one, in place of the encoder's eye."""
        members = getattr(self.recogniser, "members", [self.recogniser])
        first: nn.Module = members[0]
        return first

    @cached_property
    def eye_size(self) -> int:
        """The dimensions of the eye's embedding, which are the first of `Faces.embeddings`."""
        with torch.inference_mode():
            return int(self.eye(torch.zeros(1, 3, CANVAS, CANVAS)).shape[1])

    @cached_property
    def parity(self) -> Tensor:
        """The factor 1 or -1 of every component [Z] under mirroring."""
        return parity(self.tokenizer)

    def components(self, rows: npt.NDArray[np.int64]) -> Tensor:
        """Components float32 [B, Z] of unmirrored faces."""
        return torch.from_numpy(self.faces.components[rows]).float()

    @torch.no_grad()
    def quantized(
        self, components: Tensor, counts: Tensor, embeddings: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The decoder's inputs, planes and share of the tokens, for counts [B] tokens of each face.

        components: [B, Z]. embeddings [B, E]: if given, and after `synthesised_from`, the last
        faces of the batch have tokens by synthesis; the identity loss uses the first ones.
        """
        plan, tokenizer = self.plan, self.tokenizer
        groups, indices = tokenizer.encode(components)
        indices = tokenizer.refine(components, groups, indices, counts)
        if embeddings is not None and self.step >= plan.synthesised_from * plan.steps:
            own = slice(len(counts) - round(plan.synthesised * len(counts)), None)
            wanted = nn.functional.normalize(embeddings[own, : self.eye_size])
            faces = components[own], groups[own], indices[own], counts[own], wanted
            indices[own] = synthesised(tokenizer, self.average, self.eye, *faces, plan.rounds)
        planes = tokenizer.planes(tokenizer.dequantize(indices, groups, counts))
        return planes, counts / tokenizer.tokens

    @torch.no_grad()
    def sheet(self, number: int = 12) -> None:
        """Write a sheet of validation faces: rows of the original and a face for each level."""
        rows = self.validation[:: max(1, len(self.validation) // number)][:number]
        rgb, _ = to_tensors(self.faces.collection.pixels[rows])
        columns = [rgb]
        for count in torch.tensor(self.tokenizer.level_sizes).cumsum(0).tolist():
            counts = torch.full((len(rgb),), count)
            planes, spent = self.quantized(self.components(rows), counts)
            columns.append(self.average(planes, spent).clamp(0, 1))
        self.write_sheet(columns)
