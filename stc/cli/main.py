"""The `stc` command line: parse, run one verb, turn errors into one line and an exit code."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from stc import __version__
from stc.cli import (
    compare,
    decode,
    encode,
    encode_shards,
    evaluate,
    info,
    protect,
    qr,
    serve,
    train,
)
from stc.errors import StcError

DESCRIPTION = "Put a human face into 50 to 400 bytes, and get it back."

EPILOG = """\
examples:
  stc encode face.jpg -o face.stc                 a file of at most 192 bytes
  stc encode face.jpg -o face.stc --max-bytes 96  at most 96 bytes
  stc decode face.stc -o face.png                 back to a picture
  stc info face.stc                               what is inside
  stc qr face.stc -o code.png                     as a QR code; stc decode reads it
  stc compare face.jpg face.stc -o pair.png       side by side, in figures
  cat face.jpg | stc encode - -o - | stc decode - -o - > face.png

exit codes:
  0  all went well                     4  not a sound .stc file; of encode: less
  1  any other failure                    is kept than --min-quality
  2  the command was typed wrongly     5  the byte limit is too small
  3  no usable face in the picture     6  the model is missing or another one
                                       7  the input is no picture that can be read
  8  a template cannot be protected or matched: a wrong key, a revoked record
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog="stc",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"stc {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for module in (
        encode,
        decode,
        info,
        qr,
        compare,
        encode_shards,
        serve,
        train,
        evaluate,
        protect,
    ):
        verb = module.add_parser(verbs)
        loudness = verb.add_mutually_exclusive_group()
        loudness.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
        loudness.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    level = logging.WARNING
    if options.verbose or options.quiet:
        level = logging.DEBUG if options.verbose else logging.ERROR
    logging.basicConfig(level=logging.WARNING, format="stc: %(message)s")
    logging.getLogger("stc").setLevel(level)
    try:
        return int(options.run(options))
    except StcError as error:
        return fail(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone: nothing is left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except KeyboardInterrupt:
        return fail("interrupted", 130)


def fail(message: str, code: int) -> int:
    """Print one line to stderr and return the code."""
    print(f"stc: error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
