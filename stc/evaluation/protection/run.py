"""From pictures to the report: looks (kept), templates, accuracy, attacks, tables."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stc.evaluation.pictures import Faces, read_faces
from stc.evaluation.protection import accuracy, attacks, report, tradeoff
from stc.evaluation.protection.faces import draw_faces
from stc.evaluation.protection.rivals import RIVALS, store
from stc.evaluation.protection.subject import Subject, looks_of, templates_of
from stc.evaluation.verification import Pairs, read_pairs
from stc.protection import Key
from stc.protection.extractors import open_extractor

_log = logging.getLogger(__name__)

BITS = (8, 6, 5, 4, 3, 2)


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
    command: str


def prove(request: Request) -> Path:
    """Measure everything, write report.md and, between its marks, the page that was named."""
    pairs = read_pairs(request.pairs)
    faces = read_faces(request.images, pairs.names)
    others = draw_faces(request.faces, request.count)
    findings = []
    for text in request.subjects:
        subject = open_subject(text, request, pairs, faces, others)
        findings.append(examine(subject, request.alpha, request.drop))
    about = (
        f"Made by\n\n    {request.command}\n\nAn attacker has {len(others)} faces of other people. "
        f"{len(pairs.same)} pairs; keys and record ids are fresh in every run."
    )
    text = report.compose(findings, about)
    request.output.mkdir(parents=True, exist_ok=True)
    page = request.output / "report.md"
    page.write_text(text + "\n")
    if request.docs is not None:
        report.write_between_marks(request.docs, text)
    return page


def open_subject(text: str, request: Request, pairs: Pairs, faces: Faces, others: Faces) -> Subject:
    """The recogniser and the head that a text such as `dlib,plain` means, and what they see."""
    name, _, head = text.partition(",")
    extractor = open_extractor(name, head or None)
    cache = request.output / "cache"
    made = [
        templates_of(extractor, looks_of(extractor.recogniser, some, cache))
        for some in (faces, others)
    ]
    label = extractor.recogniser.name + (", embedding cut" if extractor.head is None else ", map")
    return Subject(label, extractor.recogniser.note, made[0], pairs, made[1])


def examine(subject: Subject, alpha: float, drop: float) -> report.Findings:
    """Accuracy, attacks and the trade-off of one subject."""
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
    for rival in RIVALS:
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
