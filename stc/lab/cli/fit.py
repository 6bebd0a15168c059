"""`stc protect fit`: trains a head for a recognition model on faces without identity labels."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from stc.cli.files import add_force, check_target
from stc.cli.numbers import positive
from stc.cli.protect.common import new_parser
from stc.lab.extra import needs_lab

_log = logging.getLogger(__name__)


def add_parser(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "fit",
        "train a head for a recognition model, from faces without identity labels",
        epilog="example:\n  stc protect fit --faces utkface.tar --faces celeba_crops.tar "
        "--recogniser r=r50.onnx -o r50.safetensors",
    )
    parser.add_argument(
        "--faces",
        type=Path,
        action="append",
        required=True,
        metavar="PATH",
        help="pictures; may repeat",
    )
    parser.add_argument("--recogniser", default="dlib", metavar="R", help="dlib or NAME=FILE.onnx")
    parser.add_argument("--count", type=positive, default=5000, help="number of faces to use; 5000")
    parser.add_argument("--steps", type=positive, default=300, help="training steps; 300")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers; 0")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep embeddings and maps here")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="HEAD")
    add_force(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, write the head and print its correlations. Returns the exit code."""
    check_target(str(options.output), force=options.force)  # before the training, for minutes
    with needs_lab():
        return fit(options)


def fit(options: argparse.Namespace) -> int:
    """The work of `run`, which needs the extra `lab`."""
    import tempfile

    from stc.lab.attacks.faces import draw_faces
    from stc.lab.attacks.subject import views_of
    from stc.lab.training.head import fit_head
    from stc.protection.head_file import save_head
    from stc.recognition.opening import open_recogniser

    recogniser = open_recogniser(options.recogniser)
    faces = draw_faces(options.faces, options.count, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        views = views_of(recogniser, faces, options.cache or Path(folder))
    head, found = fit_head(views, options.steps, seed=options.seed, report=_log.info)
    notes = {
        "faces": str(found.faces),
        "steps": str(found.steps),
        "correlation": f"{found.correlation:.4f}",
        "correlation_near": f"{found.correlation_near:.4f}",
    }
    save_head(options.output, head, recogniser.key, views.mean, notes)
    if not options.quiet:
        print(
            f"{options.output}: on faces held out, scores follow {recogniser.name}'s with a "
            f"correlation of {found.correlation:.3f}, "
            f"among look-alikes {found.correlation_near:.3f}"
        )
    return 0
