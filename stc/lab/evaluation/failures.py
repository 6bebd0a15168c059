"""The faces that lose most identity: possible causes, and whether the codec's quality predicts it.

Rules on the original canvas decide the causes, with the detector that `stc encode` uses; a face may
have several. The same rules are applied to a random sample of the other faces, for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from stc.gallery.progress import hidden
from stc.imaging import find_faces
from stc.imaging.alignment import displacement
from stc.imaging.framing import ON_CANVAS, RIVAL
from stc.lab.evaluation import metrics
from stc.lab.evaluation.report import table

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]
Floats = npt.NDArray[np.float64]

WORST = 0.01  # the share of faces that counts as failed
OTHERS = 300  # the size of the sample of other faces
TURNED = 0.35  # distance of the nose from the middle of the eyes, in eye distances
LOW = 0.05  # sharpness or confidence is low below this quantile of the other faces

CAUSES = {
    "pose": f"the nose is more than {TURNED} eye distances sideways from the middle of the eyes",
    "misalignment": f"the face is more than {ON_CANVAS:.0f} px (RMS) from its place on the canvas",
    "second face": f"another face at least {RIVAL:.0%} as wide is found on the canvas",
    "blur": f"variance of the Laplacian below that of {1 - LOW:.0%} of the other faces",
    "occlusion": f"no face is found, or with less confidence than {1 - LOW:.0%} of the other faces",
}


@dataclass(frozen=True)
class Failures:
    """Counts of causes among the worst and other faces, and how well predictors find the worst."""

    worst: int  # the number of worst faces
    others: int  # the size of the sample of other faces
    counts: dict[str, tuple[int, int]]  # cause -> count among the worst, among the others
    check: dict[str, tuple[float, float, float]]  # predictor -> AUC and its 95 % interval


@dataclass(frozen=True)
class _Signs:
    """Measurements of one canvas by the detector and from its pixels."""

    score: float  # the detector's confidence; 0 if no face is found
    turned: float  # as TURNED
    off: float  # RMS distance of the landmarks from their places on the canvas, in pixels
    second: bool  # whether there is a second face of similar width
    sharpness: float  # variance of the Laplacian


def examine(faces: Faces, cosine: Floats, predictors: dict[str, Floats]) -> Failures:
    """Analyse the share WORST of the faces uint8 [N, 128, 128, 3] with the lowest identity cosine.

    cosine: [N]. predictors: by name, values [N] that should be lower for the worst faces.
    """
    order = np.argsort(cosine, kind="stable")
    count = max(1, round(WORST * len(faces)))
    rest = order[count:]
    chosen = np.random.default_rng(0).choice(rest, min(OTHERS, len(rest)), replace=False)
    bad = [_signs(faces[i]) for i in tqdm(order[:count], desc="worst faces", disable=hidden())]
    good = [_signs(faces[i]) for i in tqdm(chosen, desc="other faces", disable=hidden())]
    causes = list(zip(_causes(bad, good), _causes(good, good), strict=True))
    named = dict(zip([*CAUSES, "none of these"], causes, strict=True))
    failed = np.zeros(len(faces), bool)
    failed[order[:count]] = True
    check = {name: _predicts(values, failed) for name, values in predictors.items()}
    return Failures(count, len(good), named, check)


def _causes(signs: Sequence[_Signs], others: Sequence[_Signs]) -> list[int]:
    """The number of faces with each cause of CAUSES, then of faces with none."""
    blurred = np.quantile([own.sharpness for own in others], LOW) if others else 0
    doubtful = np.quantile([own.score for own in others], LOW) if others else 0
    found = [
        (
            own.turned > TURNED,
            own.off > ON_CANVAS,
            own.second,
            own.sharpness < blurred,
            own.score == 0 or own.score < doubtful,
        )
        for own in signs
    ]
    has = np.array(found, bool).reshape(len(signs), len(CAUSES))
    return [*has.sum(0).tolist(), int((~has.any(1)).sum())]


def _signs(face: npt.NDArray[np.uint8]) -> _Signs:
    picture = Image.fromarray(face)
    faces = find_faces(picture)
    sharpness = _laplacian_variance(np.asarray(picture.convert("L"), np.float64))
    if not faces:
        return _Signs(0, 0, 0, False, sharpness)
    meant = min(faces, key=lambda face: displacement(face.landmarks))
    left, right, nose = meant.landmarks[:3]
    across = right - left
    turned = abs(float((nose - (left + right) / 2) @ across)) / max(float(across @ across), 1e-6)
    second = any(other.width >= RIVAL * meant.width for other in faces if other is not meant)
    return _Signs(meant.score, turned, displacement(meant.landmarks), second, sharpness)


def _laplacian_variance(grey: Floats) -> float:
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * inner).var())


def _predicts(kept: Floats, failed: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """ROC AUC of a predictor of failure, and its bootstrap interval over faces."""
    low, high = metrics.bootstrap(
        lambda rows: metrics.auc(-kept[rows], failed[rows]), len(failed), 200
    )
    return metrics.auc(-kept, failed), low, high


def section(found: Failures, judge: str, limit: int) -> str:
    """The report's section on failures; judge: its name; limit: in bytes."""
    lines = [
        [name, rule, str(bad), f"{bad / found.worst:.0%}", f"{good / max(1, found.others):.0%}"]
        for (name, (bad, good)), rule in zip(
            found.counts.items(), [*CAUSES.values(), ""], strict=True
        )
    ]
    head = ["cause", "rule", "faces", "share of the worst", "share of the others"]
    check = [[name, f"{a:.3f}", f"{b:.3f} to {c:.3f}"] for name, (a, b, c) in found.check.items()]
    return "\n\n".join(
        [
            f"## Failures at {limit} bytes",
            f"Possible causes for the {WORST:.0%} of faces ({found.worst}) with the lowest "
            f"identity cosine by {judge}; a face may have several. Others: {found.others} random "
            "faces of the rest.",
            table(head, lines),
            "The quality that `stc encode` prints, as a predictor of these failures: area under "
            "the ROC curve (0.5 is chance), with its 95 % interval:",
            table(["predictor", "AUC", "interval"], check),
        ]
    )


def qualities(kept: Mapping[int, Floats]) -> str:
    """The report's table of quality quantiles, from which a user can choose a minimal quality.

    kept: the quality of all faces [N], by limit in bytes.
    """
    rows = [
        [str(limit), *(f"{value:.3f}" for value in np.quantile(own, [0.01, 0.05, 0.5]))]
        for limit, own in kept.items()
    ]
    return "\n\n".join(
        [
            "The quality of all faces, by limit:",
            table(["bytes, at most", "lowest 1 % below", "lowest 5 % below", "half below"], rows),
        ]
    )
