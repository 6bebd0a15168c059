"""The measurements of a row: codebooks, routing time, and decoded pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from stc.gallery.progress import hidden
from stc.lab.evaluation import metrics
from stc.lab.evaluation.judges import Judge
from stc.lab.evaluation.summary import quality, verify
from stc.lab.evaluation.verification import Pairs
from stc.lab.tokenizers.quantizer import codebook_use, group_use
from stc.lab.training.latents import Latents
from stc.lab.training.system import System
from stc.recognition.dlib import Dlib

TRAINING_SAMPLE = 8192  # training faces that measure codebook use and training error
TIMED = 64  # faces that are quantized to measure the time of routing


@dataclass(frozen=True)
class Evaluation:
    """The faces of the evaluation, which are in no training data, and the judge."""

    pairs: Pairs
    source: npt.NDArray[np.uint8]  # [N, 128, 128, 3]
    judge: Judge | None  # dlib if None
    plain: npt.NDArray[np.float32]  # the judge's embeddings of the source, [N, D]
    lpips: Path | None  # the file of its weights


@torch.inference_mode()
def codebook_figures(system: System, latents: Latents, held_out: int) -> dict[str, float]:
    """Use of codewords and groups, and the errors on training and held-out faces, by name.

    Errors are relative to the variance of the latents. latents: [2, N, T, D].
    """
    arrangement = system.quantizer.arrangement
    every = np.arange(latents.shape[1])
    training = np.delete(every, slice(None, None, held_out))[
        :: max(1, len(every) // TRAINING_SAMPLE)
    ]
    sets = {"training": training, "held_out": every[::held_out]}
    figures = {}
    for name, chosen in sets.items():
        z = torch.from_numpy(latents[:, chosen]).flatten(0, 1).float()
        parts = [system.quantizer.encode(part, system.route(part)) for part in z.split(1024)]
        groups, indices = (torch.cat(x) for x in zip(*parts, strict=True))
        error = (z - system.quantizer.decode(groups, indices)).square().mean()
        figures[f"error_{name}"] = float(error / z.var(0).mean())
        if name == "training":
            use = codebook_use(indices, groups, arrangement)
            live = use.share[use.share.sum(1) > 0]
            figures["codewords_used"] = float(live.mean())
            figures["groups_used"] = float(group_use(groups, arrangement).perplexity)
    return figures


@torch.inference_mode()
def routing_milliseconds(system: System, latents: Latents) -> dict[str, float]:
    """The time to quantize an image with exhaustive and with learned routing, in milliseconds."""
    z = torch.from_numpy(np.array(latents[0, :TIMED])).float()
    system.quantizer.prepare()

    def learned() -> None:
        system.quantizer.encode(z, system.route(z))

    figures = {"exhaustive_ms": _milliseconds(lambda: system.quantizer.encode(z)) / len(z)}
    if system.router is not None:
        figures["learned_ms"] = _milliseconds(learned) / len(z)
    return figures


def _milliseconds(work: Callable[[], object]) -> float:
    """The least time of seven runs."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


@torch.inference_mode()
def picture_figures(system: System, evaluation: Evaluation, cosines: Path) -> dict[str, float]:
    """PSNR, LPIPS, identity cosine and verification accuracy, by name.

    cosines: the .npy file to which the cosine of every face is written.
    """
    parts = []
    starts = range(0, len(evaluation.source), 64)
    for start in tqdm(starts, desc="evaluation", leave=False, disable=hidden()):
        rgb = _to_tensor(evaluation.source[start : start + 64])
        decoded = system.decode(*system.encode(rgb)).permute(0, 2, 3, 1)
        parts.append((decoded * 255).round().byte().contiguous().numpy())  # dlib needs contiguous
    faces = np.concatenate(parts)
    judge = evaluation.judge or Dlib()
    embeddings = judge.embed(faces)
    own = metrics.cosines(embeddings, evaluation.plain)
    cosines.parent.mkdir(parents=True, exist_ok=True)
    np.save(cosines, own.astype(np.float32))
    return {
        **quality(evaluation.source, faces, evaluation.lpips),
        **verify(judge, evaluation.pairs, evaluation.plain, embeddings),
        "pairs": len(evaluation.pairs.same),
        "cosine +-": float(own.std() / np.sqrt(len(own))),
    }


def _to_tensor(faces: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
