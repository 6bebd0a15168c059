"""`stc protect keygen`: a new secret key."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.files import is_device
from stc.cli.printing import shown
from stc.cli.protect.common import new_parser
from stc.errors import KeyFileError


def add_parser(verbs: Any) -> None:
    """Add `stc protect keygen` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "keygen",
        "make a secret key, in a file for its owner alone",
        epilog="example:\n  stc protect keygen -o face.key",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="KEY")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the key; never print it."""
    from stc.protection import Key

    if is_device(str(options.output)):
        raise KeyFileError(f"{options.output}: a key is not printed: give the name of a new file")
    Key.generate().save(options.output)
    if not options.quiet:
        print(shown(f"{options.output}: a new key; whoever has it can undo what it protects"))
    return 0
