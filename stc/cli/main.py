"""The `stc` command line: parse, run one verb, turn errors into one line and an exit code."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from stc import __version__
from stc.cli import exit_codes, streams
from stc.cli.plugins import Parser, VerbParser, add_loudness
from stc.cli.printing import Formatter, shown
from stc.errors import StcError

DESCRIPTION = "Put a human face into 32 to 400 bytes, and get it back."

EXAMPLES = """\
  stc encode face.jpg                             face.stc, of at most 192 bytes
  stc encode face.jpg -o small.stc --max-bytes 96 at most 96 bytes
  stc decode face.stc                             face.png, a picture again
  stc info face.stc                               what is inside
  stc qr face.stc -o code.png                     as a QR code; stc decode reads it
  stc compare face.jpg face.stc -o pair.png       side by side, with PSNR and SSIM
  cat face.jpg | stc encode - | stc decode - > face.png
"""

EPILOG = f"""\
-f, -q and -v may be given before or after the verb. `stc VERB --help` explains a verb.

examples:
{EXAMPLES}
exit codes:
{exit_codes.table()}
With several inputs the exit code is that of the first failure; the other inputs are processed.
"""

# The built-in verbs and their modules; entry points add others (stc.cli.plugins).
VERBS = {
    "encode": "stc.cli.encode",
    "decode": "stc.cli.decode",
    "info": "stc.cli.info",
    "qr": "stc.cli.qr",
    "compare": "stc.cli.compare",
    "encode-shards": "stc.cli.encode_shards",
    "serve": "stc.cli.serve",
    "protect": "stc.cli.protect",
    "completion": "stc.cli.completion",
}


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """Make the parser of the whole command, or of one built-in verb, which loads faster."""
    parser = Parser(
        prog="stc",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"stc {__version__}")
    parser.add_argument(
        "-f", "--force", action="store_true", dest="force_any", help="overwrite files that exist"
    )
    add_loudness(parser, False)
    verbs = parser.add_subparsers(
        title="verbs", dest="verb", metavar="VERB", required=True, parser_class=VerbParser
    )
    for module in [import_module(VERBS[verb])] if verb in VERBS else every_verb():
        module.add_parser(verbs)
    return parser


def every_verb() -> list[ModuleType]:
    """The modules of all verbs: the built-in ones, then those of entry points."""
    from stc.cli.plugins import plugged_in

    return [*map(import_module, VERBS.values()), *plugged_in("", VERBS)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    arguments: the words after `stc`; those of the process if None.
    """
    streams.prepare()
    try:
        try:
            return run(sys.argv[1:] if arguments is None else list(arguments))
        finally:
            streams.finish()
    except StcError as error:
        return fail(str(error), exit_codes.code_of(error))
    except OSError as error:
        if isinstance(error, BrokenPipeError) and error.filename in (None, streams.NAMES[1]):
            return 1  # the reader of the pipe has exited, as `head` does: no message
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return fail(message, exit_codes.code_of(error))
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    finally:
        streams.abandon()


def run(words: list[str]) -> int:
    """Parse the words after `stc` and run the verb -> its exit code.

    Raises the errors of the verb, and SystemExit for --help or invalid arguments.
    """
    verb = next((word for word in words if not word.startswith("-")), None)
    parser = build_parser(verb)
    options = parser.parse_args(words)
    if options.verbose and options.quiet:
        parser.error("argument -v/--verbose: not allowed with argument -q/--quiet")
    if options.force_any:
        if not hasattr(options, "force"):
            parser.error(f"argument -f/--force: stc {options.verb} never overwrites files")
        options.force = True
    level = logging.WARNING
    if options.verbose or options.quiet:
        level = logging.DEBUG if options.verbose else logging.ERROR
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("stc: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("stc").setLevel(level)
    return int(options.run(options))


def fail(message: str, code: int) -> int:
    """Print an error on one line of stderr, if stderr is open, and return the exit code."""
    streams.say(f"stc: error: {shown(message)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
