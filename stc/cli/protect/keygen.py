"""`stc protect keygen`: a new secret key."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.exit_codes import OutputExistsError
from stc.cli.files import is_device
from stc.cli.printing import shown
from stc.cli.protect.common import new_parser
from stc.errors import KeyFileError


def add_parser(verbs: Any) -> None:
    """Add `stc protect keygen` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "keygen",
        "make a secret key, in a file that only its owner can read",
        epilog="example:\n  stc protect keygen -o face.key",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="KEY")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write a key to a new file -> 0.

    Raises OutputExistsError for an existing file, KeyFileError for a stream, OSError.
    """
    from stc.protection import Key

    if is_device(str(options.output)):
        raise KeyFileError(f"{options.output}: a key is not written to a stream: give a new file")
    try:
        Key.generate().save(options.output)
    except KeyFileError as error:  # `save` raises it for a file that exists
        raise OutputExistsError(str(error)) from error
    if not options.quiet:
        print(shown(f"{options.output}: new key; anyone who has it can undo the protection"))
    return 0
