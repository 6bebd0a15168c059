"""`stc completion`: the script that lets a shell complete the command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.plugins import expand
from stc.errors import MissingExtraError

SHELLS = ("bash", "zsh", "fish")

# Metavars of string options that are or may be file names; options of type `Path` always are.
FILES = {"A", "B", "CODE", "CONFIG", "FILE", "IN", "OUT", "PICTURE", "RECORD", "SCORES"}
FOLDER = "DIR"
MODEL = "MODEL"  # a file, or the name of a packaged model

# Functions that shtab puts into a script: they complete names of models and files.
_BASH = """\
_stc_models() {
  compgen -W "%s" -- "$1"
  _shtab_compgen_files "$1"
}
"""
_ZSH = """\
_stc_models() {
  _alternative "models:model:(%s)" "files:file:_files"
}
"""

EPILOG = """\
Verbs, options, names of models and files are completed. The script contains all of these and
does not start Python: generate it again after an update, or after another package added a verb.

examples:
  stc completion bash > ~/.local/share/bash-completion/completions/stc
  stc completion zsh > ~/.zfunc/_stc              with fpath+=~/.zfunc before compinit in ~/.zshrc
  stc completion fish > ~/.config/fish/completions/stc.fish
  eval "$(stc completion bash)"                   for the current shell only
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "completion",
        help="print a script for completion in a shell",
        description="Print the script with which bash, zsh or fish completes this command.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell that runs the script")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the script. Raises MissingExtraError if shtab is not installed."""
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise MissingExtraError("shtab is missing: pip install shtab") from error
    from stc.cli.main import build_parser
    from stc.codec.model_file import FOLDER as SHIPPED

    parser = build_parser()
    names = " ".join(sorted(path.stem for path in SHIPPED.glob("*.safetensors")))
    models = {
        "bash": "_stc_models",
        "zsh": "_stc_models",
        "fish": f"{names} {shtab.FILE['fish']}",
    }
    for one in expand(parser):
        for action in one._actions:
            if action.metavar == FOLDER:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif action.metavar == MODEL:
                action.complete = models  # type: ignore[attr-defined]
            elif action.type is Path or action.metavar in FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    preamble = {"bash": _BASH % names, "zsh": _ZSH % names}
    print(shtab.complete(parser, options.shell, preamble=preamble))  # type: ignore[arg-type]
    return 0
