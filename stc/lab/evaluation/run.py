"""The work of `stc evaluate`: read the data, measure, and write the report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stc import __version__
from stc.codec.info import info
from stc.codec.model_file import open_model
from stc.errors import StcError
from stc.lab.evaluation import failures, fairness, identification, metrics, plots
from stc.lab.evaluation.judges import open_judge
from stc.lab.evaluation.measure import (
    ORIGINALS,
    Measured,
    Setup,
    collect,
    decoded,
    files,
    measure,
)
from stc.lab.evaluation.pictures import read_faces
from stc.lab.evaluation.protocols import Protocol, read_protocols
from stc.lab.evaluation.report import compose
from stc.lab.evaluation.results import Curve, Row, as_csv, gather
from stc.settings import DEFAULT_EFFORT

FAR = 1e-3  # at which the thresholds for mated pairs are set
FAILURE_SIZE = 192  # bytes; failures are analysed at the limit nearest to it
GROUP_SIZES = (96, 192)  # bytes; groups are compared at the limits nearest to them
SHOWN = 8  # faces in each row of faces.png

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """The options of `stc evaluate`."""

    pairs: tuple[Path, ...]
    images: Path | None
    judges: tuple[str, ...]
    limits: tuple[int, ...]
    output: Path
    rivals: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()  # NAME=RUN or NAME=RUN,BASE
    limit: int | None = None  # the maximal number of pairs of each protocol
    lpips: Path | None = None
    model: str | None = None
    workers: int | None = None
    efforts: tuple[int, ...] = (DEFAULT_EFFORT,)  # of STC; the first is that of all other tables
    groups: Path | None = None
    group_images: Path | None = None
    show_faces: bool = False
    docs: Path | None = None
    command: str = ""


def evaluate(request: Request) -> list[Row]:
    """Measure the codecs, and write results.csv, plots and report.md into the output folder.

    Measurements that an earlier run left in the folder's cache are used again. Returns the rows of
    results.csv. Raises StcError if a judge, codec or file cannot be used.
    """
    for text in request.judges:
        open_judge(text)  # a judge that cannot be opened should fail before hours of work
    setup = Setup(
        judges=request.judges,
        limits=tuple(sorted(request.limits)),
        cache=request.output / "cache",
        model=request.model,
        lpips=request.lpips,
        bare=bool(request.rivals),
        effort=request.efforts[0],
    )
    protocols = [
        protocol
        for path in request.pairs
        for protocol in read_protocols(path, request.images, request.limit)
    ]
    others = (f"stc:{effort}" for effort in request.efforts[1:])
    codecs = ("stc", *others, *request.trained, *request.rivals)
    rows: list[Row] = []
    curves: list[Curve] = []
    for protocol in protocols:
        measure(setup, protocol.faces, codecs, request.workers)
        own, drawn = gather(protocol, setup, codecs)
        rows, curves = rows + own, curves + drawn
    extra = [identification.section(protocol, setup) for protocol in protocols]
    extra.append(_failures(setup, protocols[0]))
    if request.groups is not None:
        extra.append(_fairness(request, setup, protocols[0]))
    _write(request, rows, curves, extra)
    if request.show_faces:
        _show(request.output / "faces.png", setup, protocols[0], codecs)
    return rows


def _write(
    request: Request, rows: Sequence[Row], curves: Sequence[Curve], extra: Sequence[str]
) -> None:
    (request.output / "results.csv").write_text(as_csv(rows), encoding="utf-8")
    pages = [(request.output / "report.md", "")]
    if request.docs is not None:
        pages.append((request.docs, f"{request.docs.stem}_"))
    for page, prefix in pages:
        page.parent.mkdir(parents=True, exist_ok=True)
        pictures = [
            ("Accuracy over bytes", f"{prefix}rate_accuracy.png"),
            ("ROC, both sides", f"{prefix}roc.png"),
        ]
        plots.rate_accuracy(rows, page.parent / pictures[0][1])
        plots.roc(curves, page.parent / pictures[1][1])
        page.write_text(compose(rows, _about(request), pictures, extra), encoding="utf-8")


def _about(request: Request) -> str:
    """How the page was made."""
    model = open_model(request.model)
    judges = [open_judge(text) for text in request.judges]
    named = [f"{judge.name} ({judge.note})" if judge.note else judge.name for judge in judges]
    return (
        f"Measured by STC {__version__} with {model.name} "
        f"(fingerprint {model.fingerprint[:4]}):\n\n"
        f"    {request.command}\n\n"
        f"Judges: {', '.join(named)}.\n\n"
        "docs/evaluation.md of the source explains columns, protocols and the search for the best "
        "settings of rivals."
    )


def _failures(setup: Setup, protocol: Protocol) -> str:
    """The report's section on the worst faces of a protocol, by the first judge."""
    limit = min(setup.limits, key=lambda size: abs(size - FAILURE_SIZE))
    plain = collect(setup, protocol.faces, ORIGINALS, ORIGINALS, 0)
    measured = collect(setup, protocol.faces, "stc", "stc", limit)
    judge = next(iter(measured.embeddings))
    cosine = metrics.cosines(plain.embeddings[judge], measured.embeddings[judge])
    predictors = {"PSNR": measured.psnr}
    if measured.quality is not None:
        predictors = {"quality, as `stc encode` prints it": measured.quality, **predictors}
    found = failures.examine(protocol.faces, cosine, predictors)
    qualities = {}
    for size in setup.limits:
        kept = collect(setup, protocol.faces, "stc", "stc", size).quality
        if kept is not None:
            qualities[size] = kept
    return "\n\n".join([failures.section(found, judge, limit), failures.qualities(qualities)])


def _fairness(request: Request, setup: Setup, protocol: Protocol) -> str:
    """The report's tables by sex, age and group, by the first judge."""
    if request.groups is None or request.group_images is None:
        raise StcError("--groups FILE.tsv needs --group-images, a folder or tar file")
    people = fairness.read_people(request.groups)
    faces = read_faces(request.group_images, people.names)
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    limits = {min(setup.limits, key=lambda size: abs(size - wanted)) for wanted in GROUP_SIZES}
    own = replace(setup, limits=tuple(sorted(limits)))
    measure(own, faces, ["stc"], request.workers)
    measure(own, mirrored, ["stc"], request.workers)
    before = collect(own, faces, ORIGINALS, ORIGINALS, 0).embeddings
    judge = next(iter(before))
    turned = collect(own, mirrored, ORIGINALS, ORIGINALS, 0).embeddings[judge]
    plain = collect(setup, protocol.faces, ORIGINALS, ORIGINALS, 0)
    served, after = [], {}
    for limit in own.limits:
        measured = collect(own, faces, "stc", "stc", limit)
        other = collect(own, mirrored, "stc", "stc", limit)
        paired = collect(setup, protocol.faces, "stc", "stc", limit)
        after[limit] = measured.embeddings[judge]
        served.append(
            fairness.Served(
                limit,
                both=metrics.distances(after[limit], other.embeddings[judge])
                / _threshold(protocol, paired, paired, judge),
                probe=metrics.distances(after[limit], turned)
                / _threshold(protocol, plain, paired, judge),
                cosine=metrics.cosines(before[judge], after[limit]),
                psnr=measured.psnr,
            )
        )
    return "\n\n".join(
        [
            fairness.groups_section(people, served, judge),
            fairness.leak_section(people, _group_ids(own, faces)),
            fairness.drift_section(people, before[judge], after),
        ]
    )


def _threshold(protocol: Protocol, left: Measured, right: Measured, judge: str) -> float:
    """The distance at which a share FAR of a protocol's impostor pairs is accepted.

    left, right: the measurements of the first and the second picture of the pairs.
    """
    first, second = protocol.pairs.places
    distance = metrics.distances(left.embeddings[judge][first], right.embeddings[judge][second])
    return metrics.threshold_at_far(distance, protocol.pairs.same, FAR)


def _group_ids(setup: Setup, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The group index in each face's file, [N]; 0 where the model has no groups."""
    coded = files(setup, faces, "stc", setup.limits[-1])
    return np.array([info(data, model=setup.model).group or 0 for data in coded])


def _show(path: Path, setup: Setup, protocol: Protocol, codecs: Sequence[str]) -> None:
    """Write a sheet of some faces of the protocol, decoded by every codec at every limit."""
    chosen = np.linspace(0, len(protocol.faces) - 1, min(SHOWN, len(protocol.faces))).astype(int)
    faces = protocol.faces[chosen]
    rows = [(ORIGINALS, faces)]
    for name in codecs:
        for limit, pictures in decoded(setup, faces, name, setup.limits).items():
            rows.append((f"{name.partition('=')[0]}, {limit} bytes", pictures))
    plots.face_sheet(rows, path)
