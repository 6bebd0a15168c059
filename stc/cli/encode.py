"""`stc encode`: a picture with a face -> a .stc file, and its QR code."""

from __future__ import annotations

import argparse
import io
from typing import TYPE_CHECKING, Any

from stc.carriers import ndef
from stc.cli.files import add_paths, for_each, pair_up, read_all, same_file, write_whole
from stc.cli.numbers import share
from stc.cli.qr import DEFAULT_ECC, add_symbol, picture_kind
from stc.errors import BudgetError, StcError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EPILOG = """\
The face is found and aligned to a canvas of 128x128 pixels. A picture that already is such a
canvas is taken as it is; --align never takes any picture so. A picture of several faces is
refused unless --face largest picks one.

The quality, 0 to 1, is the share of what a face recogniser attends to that survives, by the
codec's own measure, which needs no recogniser. At 192 bytes half of all faces have .975 or more,
one in twenty less than .960. A low one is a hint, no proof, that the file may not be recognised:
docs/evaluation.md says how good a hint.

examples:
  stc encode photo.jpg -o face.stc
  stc encode photo.jpg -o face.stc --max-bytes 96
  stc encode photo.jpg --qr code.png --ecc M --qr-version 10
  stc encode photo.jpg -o face.stc --tag ntag213
  stc encode group.jpg -o face.stc --face largest
  stc encode photos/*.jpg -o faces/ --min-quality 0.95
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "encode",
        help="picture -> .stc file",
        description="Put the face of a picture into a .stc file, a QR code, or both.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_paths(parser, "picture: JPEG, PNG, WebP, TIFF and others", required=False)
    parser.add_argument(
        "--max-bytes",
        type=int,
        metavar="N",
        help="the file is never larger, 192 if nothing else limits it; 32 to 384 make sense",
    )
    parser.add_argument(
        "--level", type=int, metavar="L", help="stop after L levels, 1 the smallest"
    )
    parser.add_argument(
        "--tag",
        choices=tuple(ndef.TAGS),
        help="the file fits this NFC tag, as an NDEF record of its media type",
    )
    parser.add_argument(
        "--min-quality",
        type=share,
        metavar="Q",
        help="write nothing, exit code 4, if less than this share of 0 to 1 is kept",
    )
    add_choices(parser)
    code = parser.add_argument_group("QR code")
    code.add_argument(
        "--qr", metavar="CODE", help="write a QR code of the file: a picture, or a folder"
    )
    add_symbol(code, "its version, 1 to 40, and so the limit of the file; else the smallest")
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser


def add_framing(parser: argparse.ArgumentParser) -> None:
    """The options that say what of a picture is the face."""
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


def add_choices(parser: argparse.ArgumentParser) -> None:
    """The options that say what of a picture is coded, and how."""
    add_framing(parser)
    parser.add_argument(
        "--bare",
        action="store_true",
        help="no magic, model or checksum, for a carrier that protects its data; saves 6 bytes",
    )
    parser.add_argument("--model", metavar="MODEL", help="shipped model's name, or a weights file")


def run(options: argparse.Namespace) -> int:
    """Encode every input."""
    check(options)
    options.ecc = options.ecc or DEFAULT_ECC
    limit = byte_limit(options)
    codes = pair_up(options.inputs, options.qr, ".png") if options.qr else []
    pairs = pair_up(options.inputs, options.output, ".stc") if options.output else codes
    code_of = dict(codes)

    def work(name: str, target: str) -> str:
        code = code_of.get(name)
        kind = None if code is None else picture_kind(code)
        if code is not None and same_file(name, code):
            raise StcError(f"{name} is both input and output")
        if code is not None and options.output and same_file(code, target):
            raise StcError(f"{target} would be both the file and its QR code")
        # Framing first: a picture without a face is refused before torch is even loaded.
        from stc.imaging import frame

        canvas = frame(io.BytesIO(read_all(name)), align=options.align, face=options.face)
        data, said = encode(canvas, limit, options)
        lines = [f"{target}: {len(data)} bytes, {said}"]
        drawn = None
        if kind is not None:
            from stc.carriers import qr

            symbol = qr.make(data, ecc=options.ecc, version=options.qr_version, text=options.text)
            drawn = symbol.draw(kind)
            lines.append(f"{code}: {symbol}")
        if options.output:
            write_whole(target, data)
        if code is not None and drawn is not None:
            write_whole(code, drawn)
        return "\n".join(lines)

    return for_each(pairs, work, options)


def check(options: argparse.Namespace) -> None:
    """Refuse options that contradict each other."""
    if not options.output and not options.qr:
        options.usage_error("-o/--output OUT or --qr CODE is needed")
    if options.output == options.qr == "-":
        options.usage_error("-o and --qr cannot both write to stdout")
    if not options.qr:
        for name, given in (
            ("--qr-version", options.qr_version is not None),
            ("--ecc", options.ecc is not None),
            ("--text", options.text),
        ):
            if given:
                options.usage_error(f"argument {name}: it is of a QR code, give --qr CODE too")
    for other in ("max_bytes", "tag", "qr_version"):
        if options.level is not None and getattr(options, other) is not None:
            name = other.replace("_", "-")
            options.usage_error(f"argument --level: not allowed with argument --{name}")


def byte_limit(options: argparse.Namespace) -> int | None:
    """The least of the limits that were given, or None."""
    limits = [] if options.max_bytes is None else [options.max_bytes]
    if options.tag is not None:
        limits.append(ndef.capacity(options.tag))
    if options.qr_version is not None:
        from stc.carriers import qr

        limits.append(qr.capacity(options.qr_version, options.ecc, text=options.text))
    return min(limits, default=None)


def encode(
    canvas: npt.NDArray[np.uint8], limit: int | None, options: argparse.Namespace
) -> tuple[bytes, str]:
    """A canvas, uint8 [128, 128, 3] -> its file, and how like the canvas that is, in words."""
    from stc.codec.codec import demand, load_codec

    codec = load_codec(options.model)
    try:
        (data,) = codec.encode_canvases(
            canvas[None], max_bytes=limit, level=options.level, bare=options.bare
        )
    except BudgetError as error:
        if options.qr_version is None or error.smallest is None:
            raise
        from stc.carriers import qr

        would_do = qr.smallest_version(error.smallest, options.ecc, text=options.text)
        if would_do <= options.qr_version:  # another limit is the smaller one
            raise
        raise BudgetError(
            f"a QR code {options.qr_version}-{options.ecc} holds {limit} bytes, the smallest file "
            f"of this face has {error.smallest}: version {would_do} would do",
            error.smallest,
        ) from error
    except ValueError as error:  # a level that this model does not have
        raise StcError(str(error)) from error
    quality = float(codec.qualities(canvas[None], [data], bare=options.bare)[0])
    if options.min_quality is not None:
        demand(options.min_quality, quality, len(data))
    bits = len(data) * 8 / 128**2
    psnr = codec.likeness(canvas, codec.decode_canvases([data], bare=options.bare)[0]).psnr
    return data, (
        f"{bits:.3f} bits per pixel, {psnr:.1f} dB, "
        f"quality {quality:.3f} (share of the identity kept)"
    )
