"""`stc completion`: the script that lets a shell complete the command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.plugins import expand
from stc.errors import MissingExtraError

SHELLS = ("bash", "zsh", "fish")

# Metavars of texts that are names of files, or may be; every `Path` is one too.
FILES = {"A", "B", "CODE", "CONFIG", "FILE", "IN", "MODEL", "OUT", "PICTURE", "RECORD", "SCORES"}
FOLDER = "DIR"

EPILOG = """\
Verbs, options and names of files are completed. The script is complete in itself and starts no
Python: make it again after an update, or once another package has added a verb.

examples:
  stc completion bash > ~/.local/share/bash-completion/completions/stc
  stc completion zsh > ~/.zfunc/_stc              with fpath+=~/.zfunc before compinit in ~/.zshrc
  stc completion fish > ~/.config/fish/completions/stc.fish
  eval "$(stc completion bash)"                   for this shell alone
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "completion",
        help="script that completes this command in a shell",
        description="Print the script that lets bash, zsh or fish complete this command.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell that runs the script")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise MissingExtraError("shtab is missing: pip install shtab") from error
    from stc.cli.main import build_parser

    parser = build_parser()
    for one in expand(parser):
        for action in one._actions:
            if action.metavar == FOLDER:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif action.type is Path or action.metavar in FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, options.shell))
    return 0
