"""`stc protect attack`: accuracy with protection, attacks on it, and other protections."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stc.cli.numbers import positive, share
from stc.cli.protect.common import new_parser
from stc.errors import StcError
from stc.lab.cli.evaluate import command_line
from stc.lab.extra import needs_lab


def add_parser(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "attack",
        "measure accuracy and attacks, with the key secret and with the key stolen",
        epilog="Embeddings of faces are kept in DIR/cache for the next run. A subject is a "
        "recognition model and a head:\n`dlib`, `dlib,plain` or "
        "`r=r50.onnx,r50.safetensors`.\n\n"
        "example:\n  stc protect attack --images lfw.tar --pairs lfw_pairs.txt --faces others.tar "
        "--subject dlib -o OUT/",
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="PATH", help="pictures, folder or tar"
    )
    parser.add_argument("--pairs", type=Path, required=True, metavar="FILE", help="LFW's pairs.txt")
    parser.add_argument(
        "--faces",
        type=Path,
        action="append",
        required=True,
        metavar="PATH",
        help="faces of other people, available to the attacker; may repeat",
    )
    parser.add_argument(
        "--count", type=positive, default=5000, help="number of --faces to use; 5000"
    )
    parser.add_argument(
        "--subject",
        dest="subjects",
        action="append",
        required=True,
        metavar="R[,HEAD]",
        help="recognition model and head to measure; may repeat",
    )
    parser.add_argument("--alpha", type=share, default=0.9, help="as in `stc protect enroll`; 0.9")
    parser.add_argument("--drop", type=share, default=0.5, help="as in `stc protect enroll`; 0.5")
    parser.add_argument("--no-rivals", action="store_true", help="leave out the other methods")
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes; 1")
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FILE",
        help="also write the tables into this page, between its marks",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and print the path of the report. Returns the exit code; raises StcError."""
    for path in (options.images, options.pairs, *options.faces):
        if not path.exists():
            raise StcError(f"{path}: no such file or folder")
    with needs_lab():
        from stc.lab.attacks.run import Request, prove

    report = prove(
        Request(
            images=options.images,
            pairs=options.pairs,
            faces=tuple(options.faces),
            count=options.count,
            subjects=tuple(options.subjects),
            alpha=options.alpha,
            drop=options.drop,
            output=options.output,
            docs=options.docs,
            rivals=not options.no_rivals,
            workers=options.workers,
            command=command_line(sys.argv[1:]),
        )
    )
    if not options.quiet:
        print(report)
    return 0
