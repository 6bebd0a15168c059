"""`stc info`: version, model and sizes of a .stc file, and the backends that are available."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from stc.cli import streams
from stc.cli.exit_codes import code_of
from stc.cli.files import read_face
from stc.cli.naming import about, one_of_many
from stc.cli.printing import shown, shown_lines
from stc.cli.settings import add_model
from stc.errors import StcError

if TYPE_CHECKING:
    from stc.codec.info import FileInfo


EPILOG = """\
FILE is any input of `stc decode`. Only its indices are decoded, not the picture.

examples:
  stc info face.stc
  stc info faces/*.stc --json
  stc info photo-of-the-code.jpg
  stc encode photo.jpg -o - | stc info -
  stc info --backends
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "info",
        help="print the contents of a .stc file",
        description="Print version, model, sizes, and bits per level (residual stage) of a file.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="FILE",
        help=".stc file, picture of its QR code, its text, memory of a tag, or - for stdin",
    )
    parser.add_argument("--bare", action="store_true", help="the input was made with --bare")
    parser.add_argument(
        "--backends",
        action="store_true",
        help="list the available backends, and why others are not",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    add_model(parser)
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print a description of every file -> the exit code. Raises StcError, OSError."""
    if not options.quiet or options.json:
        streams.check_stdout()
    if options.backends:
        return show_backends()
    if not options.inputs:
        options.usage_error("give a FILE or --backends")
    from stc.bitstream import has_header
    from stc.codec.info import info

    code = 0
    for name in options.inputs:
        try:
            data = read_face(name, bare=options.bare)
            bare = options.bare and not has_header(data)
            with about(name):
                found = info(data, model=options.model, bare=bare)
        except (StcError, OSError) as error:
            if len(options.inputs) == 1:
                raise
            streams.say(f"stc: error: {shown(one_of_many(name, error))}")
            code = code or code_of(error)
            continue
        if options.json:
            print(json.dumps({"file": name, **dataclasses.asdict(found)}))
        elif not options.quiet:
            print(shown_lines(describe(shown(name), found, bare=bare)))
    return code


def show_backends() -> int:
    """Print the backends of decoding and search; a star marks those in use -> 0."""
    from stc.kernels.registry import table
    from stc.native.choice import choose, cores

    used = choose()
    print("decoding and matrix products:")
    for name, reason in cores().items():
        print(f"{'*' if name == used else ' '} {name:8} {f'no: {reason}' if reason else 'ready'}")
    print("nearest-codeword search:")
    print(table())
    return 0


def describe(name: str, found: FileInfo, *, bare: bool = False) -> str:
    """A description of a file, on several lines."""
    if found.model is None:
        model = f"{found.fingerprint}, which is not installed"
    else:
        model = f"{found.model} ({found.fingerprint})"
    lines = [
        f"{name}",
        f"  format      version {found.version}{', bare' if bare else ''}",
        f"  model       {model}{', which a bare file does not name' if bare else ''}",
        f"  size        {found.size} bytes, {found.overhead} of them "
        + ("the token count" if bare else "header and checksum"),
        f"  tokens      {found.tokens}",
        f"  bpp         {found.bpp128:.4f} at 128 px, {found.bpp256:.4f} at 256 px",
    ]
    if found.bits_per_level is not None:
        levels = ", ".join(f"{bits:.1f}" for bits in found.bits_per_level)
        lines += [f"  group       {found.group}", f"  bits/level  {levels}"]
    return "\n".join(lines)
