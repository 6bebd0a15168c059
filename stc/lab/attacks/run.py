"""The work of `stc protect attack`: embeddings, templates, accuracy, attacks and the report."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from stc.lab.attacks import accuracy, attacks, report, tradeoff
from stc.lab.attacks.faces import draw_faces
from stc.lab.attacks.rivals import RIVALS, Rival, store
from stc.lab.attacks.subject import Subject, templates_of, views_of
from stc.lab.evaluation.pictures import Faces, read_faces
from stc.lab.evaluation.verification import Pairs, read_pairs
from stc.protection.extractors import open_extractor

_log = logging.getLogger(__name__)

BITS = (8, 6, 5, 4)  # of a stored number
NOTHING = "no protection"


@dataclass(frozen=True)
class Request:
    """The options of `stc protect attack`."""

    images: Path
    pairs: Path
    faces: tuple[Path, ...]  # pictures of other people that the attacker has
    count: int  # the maximal number of these
    subjects: tuple[str, ...]  # RECOGNISER or RECOGNISER,HEAD
    alpha: float
    drop: float
    output: Path
    docs: Path | None
    rivals: bool
    workers: int
    command: str


def prove(request: Request) -> Path:
    """Measure all subjects, and write report.md and, between its marks, the page `docs`.

    Sections of other subjects from earlier runs in the same folder stay in the report. Returns the
    path of the report. Raises StcError if data or a subject cannot be used.
    """
    pairs = read_pairs(request.pairs)
    faces = read_faces(request.images, pairs.names)
    others = draw_faces(request.faces, request.count)
    sections = request.output / "sections"
    sections.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for text in request.subjects:
        subject = open_subject(text, request, pairs, faces, others)
        # Rivals protect embeddings, which do not depend on the head.
        recogniser = subject.name.split(",")[0]
        rivals = RIVALS if request.rivals and recogniser not in seen else ()
        seen.add(recogniser)
        found = examine(subject, request.alpha, request.drop, rivals, request.workers)
        about = f"Made by `{request.command}`, an attacker with {len(others)} faces of others."
        section = sections / f"{subject.name.replace(', ', '-').replace(' ', '-')}.md"
        section.write_text(report.compose(found, about), encoding="utf-8")
        text = "\n\n".join(
            file.read_text(encoding="utf-8") for file in sorted(sections.glob("*.md"))
        )
        (request.output / "report.md").write_text(text + "\n", encoding="utf-8")
        if request.docs is not None:
            report.write_between_marks(request.docs, text)
    return request.output / "report.md"


def open_subject(text: str, request: Request, pairs: Pairs, faces: Faces, others: Faces) -> Subject:
    """Open a recognition model and head, such as `dlib,plain`, and compute all templates."""
    name, _, head = text.partition(",")
    extractor = open_extractor(name, head or None)
    cache = request.output / "cache"
    views = [views_of(extractor.recogniser, some, cache) for some in (faces, others)]
    made = [templates_of(extractor, some, views[1].mean) for some in views]
    how = {"plain": "embedding cut", "spread": "embedding spread"}
    fitted = "last map" if head in ("", "map") else f"last map by {Path(head).name}"
    label = f"{extractor.recogniser.name}, {how.get(str(extractor.head), fitted)}"
    return Subject(label, extractor.recogniser.note, made[0], pairs, made[1])


def examine(
    subject: Subject,
    alpha: float,
    drop: float,
    rivals: Sequence[Rival] = RIVALS,
    workers: int = 1,
) -> report.Findings:
    """Measure accuracy, attacks, rivals and the trade-off of one subject.

    workers: the number of processes; 1 starts none.
    """
    victims = attacks.choose_victims(subject)
    few = victims.take(attacks.STOLEN_TARGETS)
    tasks: dict[Any, Callable[[], Any]] = {
        (a, d): partial(accuracy.at, subject, a, d)
        for a, d in {(alpha, drop), *product(accuracy.ALPHAS, accuracy.DROPS)}
    }
    tasks |= {bits: partial(accuracy.at_bits, subject, alpha, drop, bits) for bits in BITS}
    for stolen in (False, True):
        tasks[stolen, "recover"] = partial(
            attacks.attack_ours, subject, few if stolen else victims, alpha, drop, stolen
        )
    tasks["link"] = partial(attacks.link_ours, subject, alpha, drop)
    if rivals:
        tasks[NOTHING] = partial(attacks.attack_nothing, subject, few)
    for rival in rivals:
        tasks[rival.name] = partial(attacks.attack_rival, rival, subject, few)
    tasks |= {s: partial(tradeoff.measure, subject, few, s) for s in tradeoff.SETTINGS}
    done = run_all(tasks, workers)
    others = [NOTHING, *(rival.name for rival in rivals)] if rivals else []
    plain = accuracy.judge(accuracy.embedding_scores(subject), subject)
    right = {report.OURS: done[alpha, drop], **({NOTHING: plain} if rivals else {})}
    return report.Findings(
        subject.name,
        subject.note,
        (subject.faces.features.shape[1], subject.faces.features.shape[2]),
        plain,
        accuracy.judge(accuracy.plain_scores(subject), subject),
        {place: found for place, found in done.items() if isinstance(found, accuracy.Accuracy)},
        {bits: done[bits] for bits in BITS},
        (alpha, drop),
        {**right, **{rival.name: _accuracy_of(rival, subject) for rival in rivals}},
        {
            report.OURS: done[False, "recover"] + done[True, "recover"],
            **{name: done[name][0] for name in others},
        },
        {report.OURS: done["link"], **{name: done[name][1] for name in others}},
        [done[setting] for setting in tradeoff.SETTINGS],
    )


def _accuracy_of(rival: Rival, subject: Subject) -> accuracy.Accuracy:
    first, second = subject.pairs.places
    embeddings = subject.faces.embeddings
    secret = rival.draw(0, len(first), embeddings.shape[1])
    alike = store(rival, embeddings[first], secret).scores(store(rival, embeddings[second], secret))
    return accuracy.judge(alike.astype(np.float64), subject)


_tasks: dict[Any, Callable[[], Any]] = {}


def run_all(tasks: dict[Any, Callable[[], Any]], workers: int) -> dict[Any, Any]:
    """Run all tasks; returns their results by name.

    With several workers, forked processes run them, which share the loaded data.
    """
    if workers == 1 or "fork" not in multiprocessing.get_all_start_methods():
        return {name: task() for name, task in tasks.items()}
    _tasks.clear()
    _tasks.update(tasks)
    done = {}
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        running = {pool.submit(_run, name): name for name in tasks}
        for future in as_completed(running):
            done[running[future]] = future.result()
            _log.info("%d of %d: %s", len(done), len(tasks), running[future])
    return done


def _run(name: Any) -> Any:
    return _tasks[name]()
