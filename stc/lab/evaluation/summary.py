"""The means that a table of one judge needs, from faces and embeddings that are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from stc.imaging.similarity import psnr
from stc.lab.evaluation import metrics
from stc.lab.evaluation.judges import Judge
from stc.lab.evaluation.perceptual import lpips as lpips_distance
from stc.lab.evaluation.verification import Pairs, accuracy


def quality(
    source: npt.NDArray[np.uint8], decoded: npt.NDArray[np.uint8], lpips: Path | None
) -> dict[str, float]:
    """Mean PSNR in dB, and mean LPIPS if its weights are named."""
    figures = {"psnr": float(psnr(source, decoded).mean())}
    if lpips is not None:
        figures["lpips"] = float(lpips_distance(source, decoded, lpips).mean())
    return figures


def verify(
    judge: Judge,
    pairs: Pairs,
    source: npt.NDArray[np.float32],
    decoded: npt.NDArray[np.float32],
) -> dict[str, float]:
    """Identity cosine and verification accuracy with its standard error, both and one side."""
    first, second = pairs.places
    figures = {f"{judge.name} cosine": float(metrics.cosines(source, decoded).mean())}
    for sides, left in (("both", decoded), ("one", source)):
        mean, error = accuracy(metrics.distances(left[first], decoded[second]), pairs)
        figures |= {f"{judge.name} {sides}": mean, f"{judge.name} {sides} +-": error}
    return figures
