"""From pictures to the report: looks (kept), templates, accuracy, attacks, tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stc.evaluation.pictures import Faces, read_faces
from stc.evaluation.protection import accuracy, attacks, report, tradeoff
from stc.evaluation.protection.faces import draw_faces
from stc.evaluation.protection.rivals import RIVALS, Rival, store
from stc.evaluation.protection.subject import Subject, looks_of, templates_of
from stc.evaluation.verification import Pairs, read_pairs
from stc.protection import Key
from stc.protection.extractors import open_extractor

_log = logging.getLogger(__name__)

BITS = (8, 6, 5, 4, 3, 2)
NOTHING = "no protection"


@dataclass(frozen=True)
class Request:
    """What is measured, on what, and where it goes."""

    images: Path
    pairs: Path
    faces: tuple[Path, ...]  # an attacker's
    count: int
    subjects: tuple[str, ...]  # recogniser, or recogniser,head
    alpha: float
    drop: float
    output: Path
    docs: Path | None
    rivals: bool
    command: str


def prove(request: Request) -> Path:
    """Measure everything, write report.md and, between its marks, the page that was named.

    Sections of subjects that earlier runs wrote into the same folder stay in the report.
    """
    pairs = read_pairs(request.pairs)
    faces = read_faces(request.images, pairs.names)
    others = draw_faces(request.faces, request.count)
    sections = request.output / "sections"
    sections.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for text in request.subjects:
        subject = open_subject(text, request, pairs, faces, others)
        # The rivals protect embeddings, which are the same whatever the head.
        recogniser = subject.name.split(",")[0]
        rivals = RIVALS if request.rivals and recogniser not in seen else ()
        seen.add(recogniser)
        found = examine(subject, request.alpha, request.drop, rivals)
        about = f"Made by `{request.command}`, an attacker with {len(others)} faces of others."
        section = sections / f"{subject.name.replace(', ', '-').replace(' ', '-')}.md"
        section.write_text(report.compose(found, about))
        text = "\n\n".join(file.read_text() for file in sorted(sections.glob("*.md")))
        (request.output / "report.md").write_text(text + "\n")
        if request.docs is not None:
            report.write_between_marks(request.docs, text)
    return request.output / "report.md"


def open_subject(text: str, request: Request, pairs: Pairs, faces: Faces, others: Faces) -> Subject:
    """The recogniser and the head that a text such as `dlib,plain` means, and what they see."""
    name, _, head = text.partition(",")
    extractor = open_extractor(name, head or None)
    cache = request.output / "cache"
    made = [
        templates_of(extractor, looks_of(extractor.recogniser, some, cache))
        for some in (faces, others)
    ]
    how = {"plain": "embedding cut", "spread": "embedding spread"}
    label = f"{extractor.recogniser.name}, {how.get(str(extractor.head), 'last map')}"
    return Subject(label, extractor.recogniser.note, made[0], pairs, made[1])


def examine(
    subject: Subject, alpha: float, drop: float, rivals: Sequence[Rival] = RIVALS
) -> report.Findings:
    """Accuracy, attacks, rivals and the trade-off of one subject."""
    key = Key.generate()
    cells = accuracy.grid(subject, key)
    gallery = accuracy.enrol(subject, key, alpha, drop)
    usual = accuracy.judge(accuracy.protected_scores(subject, gallery, key), subject)
    bits = {}
    for number in BITS:
        kept, size = accuracy.stored(gallery, number)
        scores = accuracy.protected_scores(subject, kept, key)
        bits[number] = accuracy.judge(scores, subject), size
    _log.info("%s: accuracy %.4f", subject.name, usual.right)
    victims = attacks.choose_victims(subject)
    recoveries, links, right = {}, {}, {report.OURS: usual}
    recoveries[report.OURS], links[report.OURS] = attacks.attack_ours(subject, victims, alpha, drop)
    _log.info("%s: attacked", subject.name)
    first, second = subject.pairs.places
    if rivals:
        recoveries[NOTHING], links[NOTHING] = attacks.attack_nothing(subject, victims)
        right[NOTHING] = accuracy.judge(accuracy.embedding_scores(subject), subject)
    for rival in rivals:
        recoveries[rival.name], links[rival.name] = attacks.attack_rival(rival, subject, victims)
        told = subject.faces.embeddings
        secret = rival.draw(0, len(first), told.shape[1])
        alike = store(rival, told[first], secret).scores(store(rival, told[second], secret))
        right[rival.name] = accuracy.judge(alike.astype(np.float64), subject)
        _log.info("%s: %s attacked", subject.name, rival.name)
    return report.Findings(
        subject.name,
        subject.note,
        (subject.faces.features.shape[1], subject.faces.features.shape[2]),
        accuracy.judge(accuracy.embedding_scores(subject), subject),
        accuracy.judge(accuracy.plain_scores(subject), subject),
        {**cells, (alpha, drop): usual},
        bits,
        (alpha, drop),
        right,
        recoveries,
        links,
        tradeoff.trade_off(subject, victims),
    )
