"""`stc protect fit`: faces without names -> a head for a recogniser."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from stc.cli.numbers import positive
from stc.cli.protect.common import new_parser

_log = logging.getLogger(__name__)


def add_parser(verbs: Any) -> None:
    parser = new_parser(
        verbs,
        "fit",
        "train a head for a recogniser, from faces without identity labels",
        epilog="example:\n  stc protect fit --faces utkface.tar --faces celeba_crops.tar "
        "--recogniser r=r50.onnx -o r50.safetensors",
    )
    parser.add_argument(
        "--faces", type=Path, action="append", required=True, metavar="PATH", help="may repeat"
    )
    parser.add_argument("--recogniser", default="dlib", metavar="R", help="dlib or NAME=FILE.onnx")
    parser.add_argument("--count", type=positive, default=5000, help="faces, drawn from all; 5000")
    parser.add_argument("--steps", type=positive, default=300, help="of training; 300")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep here what was seen")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="HEAD")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look at the faces, train, write the head and say how well it imitates."""
    import tempfile

    from stc.lab.attacks.faces import draw_faces
    from stc.lab.attacks.subject import looks_of
    from stc.lab.training.head import fit_head
    from stc.protection.heads import save_head
    from stc.recognition.base import open_recogniser

    recogniser = open_recogniser(options.recogniser)
    faces = draw_faces(options.faces, options.count, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        looks = looks_of(recogniser, faces, options.cache or Path(folder))
    head, found = fit_head(looks, options.steps, seed=options.seed, tell=_log.info)
    notes = {
        "faces": str(found.faces),
        "steps": str(found.steps),
        "correlation": f"{found.correlation:.4f}",
        "correlation_near": f"{found.correlation_near:.4f}",
    }
    save_head(options.output, head, recogniser.key, looks.middle, notes)
    if not options.quiet:
        print(
            f"{options.output}: on faces held out, scores follow {recogniser.name}'s with a "
            f"correlation of {found.correlation:.3f}, "
            f"among look-alikes {found.correlation_near:.3f}"
        )
    return 0
