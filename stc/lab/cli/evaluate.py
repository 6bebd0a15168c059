"""`stc evaluate`: what survives, at how many bytes, for whom, against whom."""

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
--pairs is LFW's pairs.txt, a folder of CFP's protocol, or a .bin file of InsightFace, which brings
its own pictures. Pictures of 128x128 pixels are canvases; in others the face is found and aligned.
A judge is dlib, or NAME=FILE.onnx with a description in FILE.toml beside it. Kill a run at any time
and start it again with the same command: it goes on where it was. docs/evaluation.md has the rest.

examples:
  stc evaluate --images lfw.tar --pairs lfw_pairs.txt --judge dlib --bytes 96,192 -o OUT/
  stc evaluate --pairs agedb_30.bin --judge dlib --judge arcface=r50.onnx --rivals all -o OUT/
  stc evaluate ... --rivals webp,avif --bytes 48,64,96,128,192,256,384,512,1024
  stc evaluate ... --effort 0,1,4,9 --bytes 48,96,192
  stc evaluate ... --groups people.tsv --group-images people.tar --docs docs/results.md
"""

# As stc.lab.evaluation.rivals has them, which importing would load torch for.
RIVALS = ("jpeg", "jpeg2000", "webp", "avif", "jxl", "webp48")


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "evaluate",
        help="faces and pairs -> what survives, and a report",
        description="Measure the codec, and its rivals, on faces and pairs that you name.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--images", type=Path, metavar="PATH", help="folder or tar of pictures")
    parser.add_argument(
        "--pairs", type=Path, action="append", required=True, metavar="PATH", help="may repeat"
    )
    parser.add_argument(
        "--judge", dest="judges", action="append", required=True, metavar="J", help="may repeat"
    )
    parser.add_argument(
        "--bytes", type=sizes, default=(96, 192), metavar="N,N", help="limits; 96,192 if not given"
    )
    parser.add_argument(
        "--effort",
        type=efforts,
        default=(DEFAULT_EFFORT,),
        metavar="E,E",
        help=f"of the encoder, as in `stc encode`; {DEFAULT_EFFORT} if not given. Every further "
        "one is a codec of its own, `stc effort E`, beside that of the first",
    )
    parser.add_argument(
        "--rivals", default="", metavar="NAMES", help="all, or some of: " + ", ".join(RIVALS)
    )
    parser.add_argument(
        "--trained",
        action="append",
        default=[],
        metavar="NAME=RUN[,BASE]",
        help="a tokenizer that was trained in a folder; may repeat",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="pairs, an even sample of all")
    parser.add_argument("--lpips", type=Path, metavar="FILE", help="LPIPS weights, safetensors")
    parser.add_argument("--model", metavar="MODEL", help="shipped model's name, or a weights file")
    parser.add_argument("--groups", type=Path, metavar="TSV", help="people: key, age, sex, group")
    parser.add_argument("--group-images", type=Path, metavar="PATH", help="their pictures")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; one a core")
    parser.add_argument(
        "--show-faces", action="store_true", help="a sheet of faces, if they may be shown"
    )
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the report here as well")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Measure, and print where the report is."""
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
    """The command as the report shows it: files by their names, without the folders they are in."""
    shown = []
    for word in arguments:
        head, sign, paths = word.rpartition("=")
        names = [Path(path).name if "/" in path else path for path in paths.split(",")]
        shown.append(f"{head}{sign}{','.join(names)}")
    return shlex.join(["stc", *shown])


def sizes(text: str) -> tuple[int, ...]:
    """Byte limits, from `96,192`, ascending and each once."""
    return tuple(sorted({positive(word) for word in text.split(",")}))


def efforts(text: str) -> tuple[int, ...]:
    """Efforts, from `4,0,9`, in that order and each once."""
    return tuple(dict.fromkeys(effort(word) for word in text.split(",")))
