"""`stc protect`: protected face templates. Each subcommand has a module."""

from __future__ import annotations

import argparse
from typing import Any

from stc.cli.plugins import VerbParser
from stc.cli.protect import calibrate, enroll, index, info, keygen, match, renew, threshold

EPILOG = """\
examples:
  stc protect keygen -o face.key
  stc protect enroll alice.jpg bob.jpg --key face.key -o records/
  stc protect match probe.jpg records/*.stp --key face.key
  stc protect renew alice-new.jpg records/alice.stp --key face.key --revoked revoked.txt -o a.stp

docs/protection.md explains the use, and links to the security properties, their limits, and the
steps after a key has leaked.
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb and its subcommands to the subparsers of a VerbParser."""
    parser: VerbParser = verbs.add_parser(
        "protect",
        help="face templates that match under a secret key",
        description="Enrol and match protected face templates.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own = parser.add_subparsers(dest="protect_verb", metavar="VERB", required=True)
    for module in (keygen, enroll, match, renew, index, calibrate, threshold, info):
        module.add_parser(own)
    parser.accept_plugins("protect", own, lambda module: module.add_parser(own))
    return parser
