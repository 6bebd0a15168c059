"""`stc decode`: a .stc file, also from a QR code, text or NFC tag -> a picture of the face."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.exit_codes import UsageError
from stc.cli.files import add_paths, for_each, is_device, pair_up, read_face
from stc.cli.numbers import int_in_range
from stc.cli.settings import add_device, add_model
from stc.cli.writing import write_atomically
from stc.settings import DEFAULT_SIZE, MAX_SIZE

EPILOG = """\
The ending of OUT chooses the format; -, pipes and folders get PNG. Without -o, face.stc is decoded
to face.png beside it, and stdin to stdout. IN may also be a carrier of a .stc file: a picture or
photograph of a QR code of `stc qr`, the text of a --text code from a scanner, an NDEF message, or a
dump of an NFC tag's memory. The metadata of the picture state that it is reconstructed, so only
formats with metadata are written: PNG, JPEG, WebP, AVIF, TIFF, GIF.

examples:
  stc decode face.stc                             writes face.png
  stc decode face.stc -o face.jpg --size 512
  stc decode - -o face.webp < face.stc
  stc decode faces/*.stc -o pictures/
  stc decode photo-of-the-code.jpg -o face.png --mark
  stc decode scanned.txt -o face.png
  stc decode tag.bin -o face.png
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "decode",
        help=".stc file -> picture",
        description="Decode a .stc file to a picture of the face.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_paths(
        parser,
        ".stc file, picture of its QR code, its text, or memory of a tag",
        unnamed="the name of IN with .png in place of its ending",
    )
    parser.add_argument(
        "--size",
        type=size,
        default=DEFAULT_SIZE,
        metavar="PX",
        help=f"width and height of the picture, 1 to {MAX_SIZE}; {DEFAULT_SIZE} if not given: "
        "the decoder outputs 128 or 256 pixels, other sizes are resampled from these",
    )
    parser.add_argument(
        "--mark", action="store_true", help='write "reconstructed" along the lower edge'
    )
    parser.add_argument("--bare", action="store_true", help="the input was made with --bare")
    add_model(parser)
    add_device(parser)
    parser.set_defaults(run=run)
    return parser


def size(text: str) -> int:
    """Parse a number of pixels, an integer from 1 to MAX_SIZE."""
    return int_in_range(text, 1, MAX_SIZE)


def run(options: argparse.Namespace) -> int:
    """Decode every input -> the exit code. Raises StcError, OSError."""
    pairs = pair_up(options.inputs, options.output, ".png")

    def work(name: str, target: str) -> str:
        form = picture_format(target)
        data = read_face(name, bare=options.bare)

        from stc.api import decode
        from stc.bitstream import has_header
        from stc.imaging import marking

        picture = decode(
            data,
            size=options.size,
            bare=options.bare and not has_header(data),
            model=options.model,
            device=options.device,
        )
        if options.mark:
            picture = marking.stamp(picture)
        drawn = marking.save(picture, form, marking.note(len(data)))
        write_atomically(target, drawn, force=options.force)
        return f"{target}: {options.size}x{options.size} pixels from {len(data)} bytes"

    return for_each(pairs, work, options)


def picture_format(target: str) -> str:
    """Pillow's name of the picture format that a file name's ending selects; PNG for devices.

    Raises UsageError for another ending, or a format that the installed Pillow cannot write.
    """
    from stc.imaging.marking import FORMATS

    ending = Path(target).suffix.lower()
    form = FORMATS.get(ending, "PNG" if is_device(target) else None)
    if form is None or not _is_written(form):
        raise UsageError(
            f"cannot write {target!r}: no picture format with metadata has this ending; use .png, "
            ".jpg, .webp, .avif, .tif or .gif"
        )
    return form


def _is_written(form: str) -> bool:
    """Whether the installed Pillow writes a format; loads all plug-ins only if necessary."""
    from PIL import Image

    Image.preinit()
    if form not in Image.SAVE:
        Image.init()
    return form in Image.SAVE
