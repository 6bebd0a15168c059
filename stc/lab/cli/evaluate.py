"""`stc evaluate`: accuracy and image quality of the codec and its rivals, with a report."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from stc.cli.numbers import positive
from stc.cli.settings import effort
from stc.errors import StcError
from stc.lab.extra import needs_lab
from stc.settings import DEFAULT_EFFORT

EPILOG = """\
--pairs is LFW's pairs.txt, the folder of CFP's protocol, or a .bin file of InsightFace, which
contains its pictures. Pictures of 128x128 pixels count as aligned; in others the face is found and
aligned. A judge is dlib, or NAME=FILE.onnx with its description in FILE.toml. A run can be stopped
at any time: the same command continues it. docs/evaluation.md explains the options and the report.

examples:
  stc evaluate --images lfw.tar --pairs lfw_pairs.txt --judge dlib --bytes 96,192 -o OUT/
  stc evaluate --pairs agedb_30.bin --judge dlib --judge arcface=r50.onnx --rivals all -o OUT/
  stc evaluate ... --rivals webp,avif --bytes 48,64,96,128,192,256,384,512,1024
  stc evaluate ... --effort 0,1,4,9 --bytes 48,96,192
  stc evaluate ... --groups people.tsv --group-images people.tar --docs docs/results.md
"""

# A copy of stc.lab.evaluation.rivals.NAMES: importing that module loads numpy and Pillow, and needs
# time that `stc --help` can do without.
RIVALS = ("jpeg", "jpeg2000", "webp", "avif", "jxl", "webp48")


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "evaluate",
        help="measure recognition accuracy and image quality",
        description="Measure accuracy and image quality of the codec and of its rivals.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--images", type=Path, metavar="PATH", help="folder or tar of pictures")
    parser.add_argument(
        "--pairs",
        type=Path,
        action="append",
        required=True,
        metavar="PATH",
        help="protocol; may repeat",
    )
    parser.add_argument(
        "--judge",
        dest="judges",
        action="append",
        required=True,
        metavar="J",
        help="recognition model; may repeat",
    )
    parser.add_argument(
        "--bytes", type=sizes, default=(96, 192), metavar="N,N", help="size limits; 96,192"
    )
    parser.add_argument(
        "--effort",
        type=efforts,
        default=(DEFAULT_EFFORT,),
        metavar="E,E",
        help=f"of the encoder, as in `stc encode`; {DEFAULT_EFFORT}. Each further value adds rows "
        "named `stc effort E`",
    )
    parser.add_argument(
        "--rivals", default="", metavar="NAMES", help="all, or some of: " + ", ".join(RIVALS)
    )
    parser.add_argument(
        "--trained",
        action="append",
        default=[],
        metavar="NAME=RUN[,BASE]",
        help="a tokenizer that `stc train` wrote to RUN; may repeat",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="use a sample of N pairs")
    parser.add_argument("--lpips", type=Path, metavar="FILE", help="LPIPS weights, safetensors")
    parser.add_argument("--model", metavar="MODEL", help="name of a shipped model, or a model file")
    parser.add_argument(
        "--groups", type=Path, metavar="TSV", help="table of people: key, age, sex, group"
    )
    parser.add_argument(
        "--group-images", type=Path, metavar="PATH", help="pictures of the people in --groups"
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="number of processes; one per core"
    )
    parser.add_argument(
        "--show-faces", action="store_true", help="also write a sheet of decoded faces"
    )
    parser.add_argument(
        "--docs", type=Path, metavar="FILE", help="also write the report to this file"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="results")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Measure, and print the path of the report. Returns the exit code; raises StcError."""
    rivals = RIVALS if options.rivals == "all" else tuple(filter(None, options.rivals.split(",")))
    if unknown := set(rivals) - set(RIVALS):
        raise StcError(f"no rival {min(unknown)!r}: there are {', '.join(RIVALS)}")
    for path in filter(None, (options.images, options.lpips, options.groups, options.group_images)):
        if not path.exists():
            raise StcError(f"{path}: no such file or folder")
    if (options.groups is None) != (options.group_images is None):
        raise StcError("--groups and --group-images go together")
    with needs_lab():
        from stc.lab.evaluation.run import Request, evaluate

        options.output.mkdir(parents=True, exist_ok=True)
        evaluate(
            Request(
                pairs=tuple(options.pairs),
                images=options.images,
                judges=tuple(options.judges),
                limits=options.bytes,
                output=options.output,
                rivals=rivals,
                trained=tuple(options.trained),
                efforts=options.effort,
                limit=options.limit,
                lpips=options.lpips,
                model=options.model,
                workers=options.workers,
                groups=options.groups,
                group_images=options.group_images,
                show_faces=options.show_faces,
                docs=options.docs,
                command=command_line(sys.argv[1:]),
            )
        )
    if not options.quiet:
        print(options.output / "report.md")
    return 0


def command_line(arguments: list[str]) -> str:
    """The command as the report shows it, with the names of files without their folders."""
    shown = []
    for word in arguments:
        head, sign, paths = word.rpartition("=")
        names = [Path(path).name if "/" in path else path for path in paths.split(",")]
        shown.append(f"{head}{sign}{','.join(names)}")
    return shlex.join(["stc", *shown])


def sizes(text: str) -> tuple[int, ...]:
    """Parse byte limits such as `96,192`; returns them sorted and without duplicates."""
    return tuple(sorted({positive(word) for word in text.split(",")}))


def efforts(text: str) -> tuple[int, ...]:
    """Parse efforts such as `4,0,9`; returns them in this order and without duplicates."""
    return tuple(dict.fromkeys(effort(word) for word in text.split(",")))
