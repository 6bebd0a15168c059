"""Rows of results.csv: one for every codec, limit, judge, and one or both sides compressed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product

import numpy as np
import numpy.typing as npt

from stc.lab.evaluation import metrics
from stc.lab.evaluation.measure import ORIGINALS, Measured, Setup, collect, variants
from stc.lab.evaluation.protocols import Protocol
from stc.lab.evaluation.verification import accuracy

FARS = (1e-2, 1e-3)
RESAMPLES = 300  # bootstrap resamples for the intervals of a row


@dataclass(frozen=True)
class Row:
    """One line of results.csv; docs/evaluation.md explains each column."""

    protocol: str
    codec: str
    bytes_limit: int | None
    bytes_mean: float | None
    bytes_most: int | None
    failed: float | None
    judge: str
    sides: str
    pairs: int
    accuracy: float
    stderr: float
    tar_far_1e2: float
    tar_far_1e2_low: float
    tar_far_1e2_high: float
    tar_far_1e3: float
    tar_far_1e3_low: float
    tar_far_1e3_high: float
    identity_cosine: float
    psnr: float | None
    ssim: float | None
    lpips: float | None


@dataclass(frozen=True, eq=False)
class Curve:
    """ROC of one codec at one limit, both sides compressed."""

    protocol: str
    codec: str
    bytes_limit: int | None
    judge: str
    far: npt.NDArray[np.float64]
    tar: npt.NDArray[np.float64]


def gather(
    protocol: Protocol, setup: Setup, codecs: Sequence[str]
) -> tuple[list[Row], list[Curve]]:
    """Rows and ROC curves of a protocol that `measure` has measured; the originals come first."""
    plain = collect(setup, protocol.faces, ORIGINALS, ORIGINALS, 0)
    rows, curves = [], []
    made = [
        (name, variant, limit)
        for name in codecs
        for variant, limit in product(variants(setup, name), setup.limits)
    ]
    for name, variant, limit in [(ORIGINALS, ORIGINALS, None), *made]:
        measured = plain if limit is None else collect(setup, protocol.faces, name, variant, limit)
        for judge in measured.embeddings:
            for sides in ("both", "probe"):
                if limit is None and sides == "probe":
                    continue  # without compression it equals "both"
                distance = _distances(protocol, plain, measured, judge, sides)
                rows.append(_row(protocol, variant, limit, judge, sides, distance, plain, measured))
                if sides == "both":
                    far, tar = metrics.roc(distance, protocol.pairs.same)
                    curves.append(Curve(protocol.name, variant, limit, judge, far, tar))
    return rows, curves


def _distances(
    protocol: Protocol, plain: Measured, measured: Measured, judge: str, sides: str
) -> npt.NDArray[np.float64]:
    """Distance of every pair [P]: both faces compressed, or the first one uncompressed."""
    first, second = protocol.pairs.places
    left = (measured if sides == "both" else plain).embeddings[judge]
    return metrics.distances(left[first], measured.embeddings[judge][second])


def _row(
    protocol: Protocol,
    variant: str,
    limit: int | None,
    judge: str,
    sides: str,
    distance: npt.NDArray[np.float64],
    plain: Measured,
    measured: Measured,
) -> Row:
    right, error = accuracy(distance, protocol.pairs)
    rates: dict[str, float] = {}
    for far, label in zip(FARS, ("1e2", "1e3"), strict=True):
        same = protocol.pairs.same
        low, high = metrics.tar_interval(distance, same, far, RESAMPLES)
        rates[f"tar_far_{label}"] = metrics.tar_at_far(distance, same, far)
        rates |= {f"tar_far_{label}_low": low, f"tar_far_{label}_high": high}
    coded = limit is not None
    kept = metrics.cosines(plain.embeddings[judge], measured.embeddings[judge])
    return Row(
        protocol=protocol.name,
        codec=variant,
        bytes_limit=limit,
        bytes_mean=float(measured.sizes.mean()) if coded else None,
        bytes_most=int(measured.sizes.max()) if coded else None,
        failed=float(measured.failed.mean()) if coded else None,
        judge=judge,
        sides=sides,
        pairs=len(distance),
        accuracy=right,
        stderr=error,
        **rates,
        identity_cosine=float(kept.mean()),
        psnr=float(measured.psnr.mean()) if coded else None,
        ssim=float(measured.ssim.mean()) if coded else None,
        lpips=None if measured.lpips is None else float(measured.lpips.mean()),
    )


def as_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV text with a header line; numbers have at most four decimals."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row).items()}
        )
    return text.getvalue()
