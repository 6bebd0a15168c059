"""Mean image quality and verification accuracy, from decoded faces and their embeddings."""

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
    """Mean PSNR in dB, and mean LPIPS if a file with its weights is given.

    source, decoded: uint8 [N, 128, 128, 3]. Returns the means by the names psnr and lpips.
    """
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
    """Identity cosine, and verification accuracy with its standard error.

    source, decoded: the judge's embeddings [N, D] of the faces of `pairs.names` before and after
    encoding. Accuracy is measured for both sides compressed (`both`) and for the second picture
    only (`one`). The keys of the result start with the judge's name.
    """
    first, second = pairs.places
    figures = {f"{judge.name} cosine": float(metrics.cosines(source, decoded).mean())}
    for sides, left in (("both", decoded), ("one", source)):
        mean, error = accuracy(metrics.distances(left[first], decoded[second]), pairs)
        figures |= {f"{judge.name} {sides}": mean, f"{judge.name} {sides} +-": error}
    return figures
