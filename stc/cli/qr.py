"""`stc qr`: a .stc file -> its QR code; also the options of QR codes, shared with `stc encode`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.bitstream import has_header, parse_header
from stc.carriers.symbols import DEFAULT_LEVEL, KINDS, LEVELS, VERSIONS
from stc.cli.exit_codes import UsageError
from stc.cli.files import add_paths, for_each, is_device, pair_up, read_face
from stc.cli.numbers import int_in_range
from stc.cli.writing import write_atomically
from stc.install_hint import install_hint

EPILOG = f"""\
The QR code is the smallest one that holds the file, with the highest error correction that fits.
OUT may end with .png, .svg, .pdf or .eps; -, pipes and folders get PNG. `stc decode` reads the code
from the picture or a photograph, and also the text from a scanner. IN is any input of `stc decode`.
Needs {install_hint("qr")}.

examples:
  stc qr face.stc                                 writes face.qr.png
  stc qr face.stc -o code.svg --ecc Q
  stc qr face.stc -o code.png --text              for scanners that output text only
  stc qr faces/*.stc -o codes/
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "qr",
        help=".stc file -> QR code",
        description="Make a QR code of a .stc file.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_paths(
        parser,
        ".stc file, or a carrier of one",
        unnamed="the name of IN with .qr.png in place of its ending",
    )
    add_symbol(parser, "version, 1 to 40; else the smallest that holds the file")
    parser.add_argument(
        "--scale",
        type=scale,
        default=8,
        metavar="PX",
        help="pixels per module, or points in .pdf and .eps, 1 to 64; 8 if not given",
    )
    parser.add_argument("--bare", action="store_true", help="the input was made with --bare")
    parser.set_defaults(run=run)
    return parser


def add_symbol(parser: argparse._ActionsContainer, version_help: str) -> None:
    """Add the options for the error correction, version and mode of a QR code."""
    parser.add_argument(
        "--ecc",
        choices=LEVELS,
        help="minimum error correction: about 7, 15, 25 or 30 %% may be unreadable; "
        f"{DEFAULT_LEVEL} if not given",
    )
    parser.add_argument("--qr-version", type=version, metavar="V", help=version_help)
    parser.add_argument(
        "--text", action="store_true", help="Base45 text instead of raw bytes; takes 3 %% more"
    )


def version(text: str) -> int:
    """Parse the version of a QR code, an integer from 1 to 40."""
    return int_in_range(text, VERSIONS[0], VERSIONS[-1])


def scale(text: str) -> int:
    """Parse a number of pixels per module, an integer from 1 to 64."""
    return int_in_range(text, 1, 64)


def run(options: argparse.Namespace) -> int:
    """Make the QR code of every input -> the exit code. Raises StcError, OSError."""
    # Not face.png for face.stc: `stc decode` gives the decoded face that name.
    pairs = pair_up(options.inputs, options.output, ".png" if options.output else ".qr.png")

    def work(name: str, target: str) -> str:
        kind = picture_kind(target)
        data = read_face(name, bare=options.bare)
        if not options.bare or has_header(data):
            parse_header(data)

        from stc.carriers import qr

        symbol = qr.make(
            data, ecc=options.ecc or DEFAULT_LEVEL, version=options.qr_version, text=options.text
        )
        write_atomically(target, symbol.draw(kind, options.scale), force=options.force)
        return f"{target}: {symbol}, {len(data)} bytes"

    return for_each(pairs, work, options)


def picture_kind(target: str) -> str:
    """The picture format, one of KINDS, that a file name's ending selects; png for devices.

    Raises UsageError for another ending.
    """
    kind = Path(target).suffix.lower()[1:]
    if kind not in KINDS and is_device(target):
        kind = "png"
    if kind not in KINDS:
        endings = ", ".join(f".{known}" for known in KINDS)
        raise UsageError(f"cannot write a QR code to {target!r}: its name must end with {endings}")
    return kind
