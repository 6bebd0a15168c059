"""`stc encode`: a picture with a face -> a .stc file."""

from __future__ import annotations

import argparse
import io
from typing import Any

from stc.cli.files import add_paths, for_each, pair_up, read_all, write_whole
from stc.errors import StcError

EPILOG = """\
The face is found and aligned to a canvas of 128x128 pixels. A picture that already is such a
canvas is taken as it is; --align never takes any picture so. A picture of several faces is
refused unless --face largest picks one.

examples:
  stc encode photo.jpg -o face.stc
  stc encode photo.jpg -o face.stc --max-bytes 96
  stc encode group.jpg -o face.stc --face largest
  stc encode photos/*.jpg -o faces/
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "encode",
        help="picture -> .stc file",
        description="Put the face of a picture into a .stc file.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_paths(parser, "picture that Pillow opens")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--max-bytes",
        type=int,
        metavar="N",
        help="the file is never larger, 192 if not given; 32 to 384 make sense",
    )
    size.add_argument("--level", type=int, metavar="L", help="stop after L levels, 1 the smallest")
    parser.add_argument(
        "--align",
        choices=("auto", "always", "never"),
        default="auto",
        help="find and align the face: unless it is aligned already (auto), always, or never",
    )
    parser.add_argument(
        "--face",
        choices=("only", "largest"),
        default="only",
        help="of several faces: refuse (only), or take the largest central one",
    )
    parser.add_argument(
        "--bare",
        action="store_true",
        help="no magic, model or checksum, for a carrier that protects its data; saves 6 bytes",
    )
    parser.add_argument("--model", metavar="MODEL", help="shipped model's name, or a weights file")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Encode every input."""
    pairs = pair_up(options.inputs, options.output, ".stc")

    def work(name: str, target: str) -> str:
        # Framing first: a picture without a face is refused before torch is even loaded.
        from stc.imaging import frame

        source = io.BytesIO(read_all(name))
        canvas = frame(source, align=options.align, face=options.face)

        from stc.codec.codec import load_codec

        codec = load_codec(options.model)
        try:
            (data,) = codec.encode_canvases(
                canvas[None], max_bytes=options.max_bytes, level=options.level, bare=options.bare
            )
        except ValueError as error:  # a level that this model does not have
            raise StcError(str(error)) from error
        decoded = codec.decode_canvases([data], bare=options.bare)[0]
        likeness = codec.likeness(canvas, decoded)
        write_whole(target, data)
        return (
            f"{target}: {len(data)} bytes, {len(data) * 8 / 128**2:.3f} bits per pixel, "
            f"{likeness.psnr:.1f} dB, {likeness.identity:.0%} of the identity kept"
        )

    return for_each(pairs, work, options)
