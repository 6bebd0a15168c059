"""`stc decode`: a .stc file -> a picture."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from stc.cli.files import MOST_BYTES, add_paths, for_each, pair_up, read_all, write_whole
from stc.errors import ImageError

EPILOG = """\
The format of the picture follows from the name of OUT; - and folders get PNG.

examples:
  stc decode face.stc -o face.png
  stc decode face.stc -o face.jpg --size 256
  stc decode faces/*.stc -o pictures/
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "decode",
        help=".stc file -> picture",
        description="Turn a .stc file back into a picture of the face.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_paths(parser, ".stc file")
    parser.add_argument(
        "--size",
        type=size,
        default=128,
        metavar="PX",
        help="width and height of the picture, 1 to 4096; 128 if not given",
    )
    parser.add_argument("--bare", action="store_true", help="the input was made with --bare")
    parser.add_argument("--model", metavar="MODEL", help="shipped model's name, or a weights file")
    parser.set_defaults(run=run)
    return parser


def size(text: str) -> int:
    """A number of pixels from 1 to 4096."""
    if not text.isdecimal() or not 1 <= int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 4096")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Decode every input."""
    pairs = pair_up(options.inputs, options.output, ".png")

    def work(name: str, target: str) -> str:
        data = read_all(name, MOST_BYTES)
        form = picture_format(target)

        from stc.api import decode

        picture = decode(data, size=options.size, bare=options.bare, model=options.model)
        buffer = io.BytesIO()
        picture.save(buffer, form)
        write_whole(target, buffer.getvalue())
        return f"{target}: {options.size}x{options.size} pixels from {len(data)} bytes"

    return for_each(pairs, work, options)


def picture_format(target: str) -> str:
    """Pillow's name of the format that a file name asks for. Raises ImageError."""
    from PIL import Image

    if target == "-":
        return "PNG"
    suffix = Path(target).suffix.lower()
    form = Image.registered_extensions().get(suffix)
    if form is None or form not in Image.SAVE:
        raise ImageError(f"cannot write a picture named {target!r}: end it with .png or .jpg")
    return form
