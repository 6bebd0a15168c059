"""`stc compare`: two faces, from pictures or .stc files, side by side, with PSNR and SSIM."""

from __future__ import annotations

import argparse
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stc.cli import streams
from stc.cli.decode import picture_format, size
from stc.cli.files import (
    MAX_PICTURE,
    add_force,
    check_apart,
    check_length,
    check_target,
    is_stdout,
    read_all,
)
from stc.cli.naming import about
from stc.cli.printing import shown
from stc.cli.settings import add_device, add_framing, add_model
from stc.cli.writing import write_atomically
from stc.errors import BadMagicError, MissingExtraError, NoFaceError, StcError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

EPILOG = """\
A and B are compared on the canvas of 128x128 pixels. A .stc file, also one from a picture of its QR
code, its text or a tag's memory, is decoded; any other picture is aligned as by `stc encode`. PSNR
and SSIM are over RGB; identity estimates the share of A's identity that B keeps, like the quality
that `stc encode` prints.

examples:
  stc compare photo.jpg face.stc
  stc compare photo.jpg face.stc -o pair.png
  stc compare a.stc b.stc --json
"""

GAP = 8  # pixels between the faces and around the captions


@dataclass(frozen=True)
class Face:
    """An input of `stc compare` as a face on the canvas."""

    name: str  # as on the command line
    size: int  # bytes of the picture, or of the .stc file, also if it was read from a QR code
    decoded: bool  # whether it comes from a .stc file
    canvas: npt.NDArray[np.uint8]  # [128, 128, 3]
    large: Image.Image | None = None  # from `stc decode --size`, for --output


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "compare",
        help="two pictures or .stc files, side by side",
        description="Compare two faces, each a picture or a .stc file.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("first", metavar="A", help="picture or .stc file, or - for stdin")
    parser.add_argument("second", metavar="B", help="picture or .stc file")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="picture of both faces, or - for stdout"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--size",
        type=size,
        default=256,
        metavar="PX",
        help="size of each face in OUT; 256 if not given",
    )
    parser.add_argument("--bare", action="store_true", help="the .stc files were made with --bare")
    add_framing(parser)
    add_model(parser)
    add_device(parser)
    add_force(parser)
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the similarity of two faces, and draw both for --output -> 0.

    Raises StcError, OSError.
    """
    to_stdout = options.output is not None and is_stdout(options.output)
    if to_stdout and options.json:
        options.usage_error("--json and -o - cannot both write to stdout")
    if options.first == options.second == "-":
        options.usage_error("only one of A and B can be stdin")
    if options.json or (options.output is None and not options.quiet):
        streams.check_stdout()
    form = None if options.output is None else picture_format(options.output)
    for name in (options.first, options.second):
        if options.output is not None:
            check_apart(name, options.output)
    if options.output is not None:
        check_target(options.output, force=options.force)
    first, second = pair = [load(name, options) for name in (options.first, options.second)]
    figures = measure(first, second, options)
    if form is not None:
        from stc.imaging import marking

        picture = side_by_side(pair, options.size, figures)
        buffer = io.BytesIO()
        if any(face.decoded for face in pair):
            sizes = " and ".join(str(face.size) for face in pair if face.decoded)
            buffer.write(marking.save(picture, form, marking.note(sizes)))
        else:
            picture.save(buffer, form)
        write_atomically(options.output, buffer.getvalue(), force=options.force)
    if options.json:
        files = {
            key: {"file": face.name, "bytes": face.size}
            for key, face in zip("ab", pair, strict=True)
        }
        finite = {k: v if math.isfinite(v) else None for k, v in figures.items()}
        print(json.dumps({**files, **finite}))
    elif not options.quiet and not to_stdout:
        for face in pair:
            print(f"{shown(face.name)}: {face.size} bytes")
        print(describe(figures))
    return 0


def load(name: str, options: argparse.Namespace) -> Face:
    """Read a picture, a .stc file or a carrier of one, as a face on the canvas.

    Raises InputError for a file that cannot be used, ModelMissingError, OSError.
    """
    data = read_all(name, MAX_PICTURE + 1)
    with about(name):
        return loaded(name, data, options)


def loaded(name: str, data: bytes, options: argparse.Namespace) -> Face:
    """Turn the bytes of a file into a face on the canvas, as `load` does.

    Raises FormatError, ImageError, FaceError, ModelError. If no face is detected, NoFaceError also
    names what a QR code in the picture holds, or the library that reads QR codes if it is missing.
    """
    from stc.carriers.reading import read_bytes

    side = None if options.output is None else options.size
    found = read_bytes(data, bare=options.bare)
    if found is not None:
        return decoded(name, found, options, side)
    check_length(data)
    from stc.imaging import frame

    try:
        canvas = frame(io.BytesIO(data), align=options.align, face=options.face)
    except NoFaceError as no_face:
        from stc.carriers import qr

        try:
            file = qr.read(data, bare=options.bare)
        except MissingExtraError as missing:
            raise NoFaceError(
                f"{no_face}; cannot check whether the picture is a QR code: {missing}"
            ) from missing
        except BadMagicError as code:  # a code, but not of a face
            raise NoFaceError(f"{no_face}; {code}") from code
        except StcError:  # neither a face nor a code: report the face
            raise no_face from None
        return decoded(name, file, options, side)
    return Face(name, len(data), False, canvas)


def decoded(name: str, data: bytes, options: argparse.Namespace, side: int | None = None) -> Face:
    """Decode a .stc file to the canvas and, if `side` is not None, to `side` pixels.

    Raises FormatError, ModelError.
    """
    import numpy as np

    from stc.api import decode
    from stc.bitstream import has_header
    from stc.canvas import CANVAS

    bare = options.bare and not has_header(data)
    given = {"bare": bare, "model": options.model, "device": options.device}
    canvas = np.array(decode(data, size=CANVAS, **given))
    large = None if side is None else decode(data, size=side, **given)
    return Face(name, len(data), True, canvas, large)


def with_file(canvas: npt.NDArray[np.uint8], data: bytes, options: argparse.Namespace) -> str:
    """The similarity of a canvas [128, 128, 3] and a .stc file, as a line of text."""
    first = Face("", 0, False, canvas)
    return describe(measure(first, decoded("", data, options), options))


def measure(first: Face, second: Face, options: argparse.Namespace) -> dict[str, float]:
    """PSNR in dB, SSIM, and the share of the identity of `first` that `second` keeps."""
    from stc.codec.cache import load_codec
    from stc.imaging.similarity import psnr, ssim

    pair = first.canvas[None], second.canvas[None]
    identity = load_codec(options.model, device=options.device).identity_kept(*pair)
    return {
        "psnr": float(psnr(*pair)[0]),
        "ssim": float(ssim(*pair)[0]),
        "identity": float(identity[0]),
    }


def describe(figures: dict[str, float]) -> str:
    """The figures of `measure` on one line."""
    return "PSNR {psnr:.2f} dB, SSIM {ssim:.3f}, identity {identity:.3f}".format(**figures)


def side_by_side(pair: list[Face], side: int, figures: dict[str, float]) -> Image.Image:
    """Draw both faces, `side` pixels each, with their sizes in bytes and the figures below."""
    from PIL import Image, ImageDraw, ImageFont

    letters = max(8, side // 18)
    font = ImageFont.load_default(letters)
    height = side + 2 * (letters + GAP) + 2 * GAP
    sheet = Image.new("RGB", (2 * side + 3 * GAP, height), "white")
    draw = ImageDraw.Draw(sheet)
    below = side + 2 * GAP
    for place, face in enumerate(pair):
        left = GAP + place * (side + GAP)
        picture = face.large
        if picture is None:
            picture = Image.fromarray(face.canvas).resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, GAP))
        words = ".stc file" if face.decoded else "picture"
        draw.text((left, below), f"{words}, {face.size} bytes", "black", font)
    draw.text((GAP, below + letters + GAP), describe(figures), "black", font)
    return sheet
