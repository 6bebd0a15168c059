"""`stc encode`: a picture with a face -> a .stc file, and its QR code."""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stc.carriers import ndef
from stc.carriers.symbols import DEFAULT_LEVEL
from stc.cli import compare
from stc.cli.exit_codes import UsageError
from stc.cli.files import (
    add_paths,
    check_apart,
    check_target,
    for_each,
    is_stdout,
    pair_up,
    read_picture,
    same_file,
)
from stc.cli.printing import shown
from stc.cli.qr import add_symbol, picture_kind
from stc.cli.settings import add_settings, settings_of
from stc.cli.writing import write_atomically
from stc.errors import BudgetError
from stc.settings import Encoded, Settings

if TYPE_CHECKING:
    from stc.codec.planes import Canvases
    from stc.imaging import Source

EPILOG = """\
The face is detected and aligned to a canvas of 128x128 pixels. A picture that already is such a
canvas is used without alignment; with --align never, every picture is. A picture of several faces
is an error unless --face largest chooses one. photo.jpg is encoded as photo.stc beside it, stdin
goes to stdout, and with --qr but no -o only the QR code is written. Files are overwritten only with
--force.

The quality, 0 to 1, estimates the share of the identity that the file keeps. It is computed without
a recognition model, in 2 ms. At 192 bytes half of all faces have .973 or more, one in twenty less
than .961. A low value is a hint, not a proof, that the file may not be recognised:
docs/evaluation.md has figures. -v also decodes the file and prints the output of `stc compare` for
it and the picture, which takes as long as one or two steps of --effort.

Effort 0 uses the codewords nearest to the face. Higher efforts run rounds of synthesis, up to 12:
the encoder decodes its tokens, compares the result with the picture by a small recognition model,
and tries other tokens. The file never becomes longer, or less similar by that model. Effort 1 takes
about 55 ms a face on one core of an AMD Zen 5, effort 5 (default) 160 ms, effort 9 a second. Of the
gain of effort 9, measured by independent recognition models, effort 1 has a fifth to a half, effort
5 a half to three quarters. The quality that is printed is that of effort 0.

examples:
  stc encode photo.jpg                            writes photo.stc
  stc encode photo.jpg -o face.stc --max-bytes 96
  stc encode - < photo.jpg > face.stc
  stc encode photo.jpg --qr code.png --ecc M --qr-version 10
  stc encode photo.jpg -o face.stc --tag ntag213
  stc encode group.jpg -o face.stc --face largest
  stc encode photo.jpg -o face.stc --max-bytes 48 --effort 9
  stc encode photos/*.jpg -o faces/ --min-quality 0.95
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "encode",
        help="picture -> .stc file",
        description="Encode the face in a picture as a .stc file, a QR code, or both.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_paths(
        parser,
        "picture: JPEG, PNG, WebP, TIFF and others",
        unnamed="the name of IN with .stc in place of its ending",
    )
    add_settings(parser)
    parser.add_argument(
        "--tag",
        choices=tuple(ndef.TAGS),
        help="limit the size so that an NDEF record with the file fits this NFC tag",
    )
    code = parser.add_argument_group("QR code")
    code.add_argument(
        "--qr", metavar="CODE", help="write a QR code of the file to this picture or folder"
    )
    add_symbol(code, "version, 1 to 40, which limits the size of the file; else the smallest")
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser


def run(options: argparse.Namespace) -> int:
    """Encode every input -> the exit code. Raises StcError, OSError."""
    check(options)
    options.ecc = options.ecc or DEFAULT_LEVEL
    settings = settings_of(options, byte_limit(options))
    codes = pair_up(options.inputs, options.qr, ".png") if options.qr is not None else []
    only_codes = options.qr is not None and options.output is None
    pairs = codes if only_codes else pair_up(options.inputs, options.output, ".stc")
    code_of = dict(codes)

    def work(name: str, target: str) -> str:
        code = code_of.get(name)
        kind = None if code is None else picture_kind(code)
        if code is not None:
            check_apart(name, code)
            if not only_codes and same_file(code, target):
                raise UsageError(f"{target} would be both the file and its QR code")
            check_target(code, force=options.force)
        source: io.BytesIO | Canvases = io.BytesIO(read_picture(name))
        how = settings
        if options.verbose:  # aligned once, for encoding and for comparison
            from stc.imaging import frame

            source, how = frame(source, settings.align, settings.face), replace(how, align="never")
        encoded = encode(source, how, options)
        data = encoded.data
        lines = [f"{shown(target)}: {describe(encoded)}"]
        drawn = None
        if code is not None and kind is not None:
            from stc.carriers import qr

            symbol = qr.make(data, ecc=options.ecc, version=options.qr_version, text=options.text)
            drawn = symbol.draw(kind)
            lines.append(f"{shown(code)}: {symbol}")
        if not isinstance(source, io.BytesIO):
            lines.append(f"{shown(target)}: decoded, {compare.with_file(source, data, options)}")
        if not only_codes:
            write_atomically(target, data, force=options.force)
        if code is not None and drawn is not None:
            write_atomically(code, drawn, force=options.force)
        return "\n".join(lines)

    return for_each(pairs, work, options)


def check(options: argparse.Namespace) -> None:
    """Exit with an error of usage if options contradict each other."""
    if options.output and options.qr and is_stdout(options.output) and is_stdout(options.qr):
        options.usage_error("-o and --qr cannot both write to stdout")
    if not options.qr:
        for name, given in (
            ("--qr-version", options.qr_version is not None),
            ("--ecc", options.ecc is not None),
            ("--text", options.text),
        ):
            if given:
                options.usage_error(f"argument {name}: needs --qr CODE too")
    for other in ("max_bytes", "tag", "qr_version"):
        if options.stages is not None and getattr(options, other) is not None:
            name = other.replace("_", "-")
            options.usage_error(f"argument --stages: not allowed with argument --{name}")


def byte_limit(options: argparse.Namespace) -> int | None:
    """The lowest of the limits of --max-bytes, --tag and --qr-version, or None if none is given."""
    limits = [] if options.max_bytes is None else [options.max_bytes]
    if options.tag is not None:
        limits.append(ndef.capacity(options.tag))
    if options.qr_version is not None:
        from stc.carriers import qr

        limits.append(qr.capacity(options.qr_version, options.ecc, text=options.text))
    return min(limits, default=None)


def encode(source: Source, settings: Settings, options: argparse.Namespace) -> Encoded:
    """Encode a picture.

    Raises the errors of `stc.encode`; a BudgetError due to --qr-version names a version that is
    large enough.
    """
    from stc.api import encode_pictures

    (encoded,) = encode_pictures([source], settings, model=options.model, device=options.device)
    try:
        return encoded.unwrap()
    except BudgetError as error:
        if options.qr_version is None or error.smallest is None:
            raise
        from stc.carriers import qr

        needed = qr.smallest_version(error.smallest, options.ecc, text=options.text)
        if needed <= options.qr_version:  # another limit is lower
            raise
        raise BudgetError(
            f"a QR code {options.qr_version}-{options.ecc} holds {settings.max_bytes} bytes, the "
            f"smallest file of this face has {error.smallest}: use version {needed}",
            error.smallest,
        ) from error


def describe(encoded: Encoded) -> str:
    """Size, tokens, bit rate and quality of a file on one line."""
    size = len(encoded.data)
    return (
        f"{size} bytes, {encoded.tokens} tokens, {size * 8 / 128**2:.3f} bits per pixel, "
        f"quality {encoded.quality:.3f} (share of the identity kept)"
    )
