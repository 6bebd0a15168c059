"""Checks a decoder against the test vectors: python -m conformance COMMAND

COMMAND is run once for every case, with these placeholders replaced:

    {file}     path of the file to be decoded
    {model}    path of the model file
    {folder}   folder for result.json, picture.png or picture.ppm, planes.f32, detail.f32
    {picture}  {folder}/picture.png, for commands that write one picture
    {bare}     --bare, or removed for files with a header
    {source}   --source=PATH of the canvas for the quality, or removed

    python -m conformance stc decode {file} -o {picture} --model {model} {bare}

The exit code is 0 if no case failed. Cases whose model is missing are left out, and counted.
conformance/checking.py describes the files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from conformance.cases import KINDS, Case, StaleVectorsError, left_out, read_cases
from conformance.checking import COLUMNS
from conformance.report import row, summary
from conformance.running import SECONDS, CommandError, run_cases


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases and print the table -> 0; 1 for failures or no cases; 2 if it cannot run."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="*", metavar="PATTERN", help="only cases that match")
    parser.add_argument("--failed", action="store_true", help="print only the rows of failed cases")
    parser.add_argument("--kind", choices=KINDS, help="only valid files, or only errors")
    parser.add_argument(
        "--models", type=Path, metavar="FOLDER", help="folder of packaged models: NAME.safetensors"
    )
    parser.add_argument(
        "--limit-s",
        type=float,
        default=SECONDS,
        metavar="SECONDS",
        help=f"time limit of a case; {SECONDS} if not given",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args(arguments)
    if not options.command:
        parser.error("a COMMAND is needed")

    def wanted(cases: list[Case]) -> list[Case]:
        named = [case for case in cases if fnmatch(case.name, options.only)]
        return [case for case in named if options.kind in (None, case.kind)]

    verdicts = []
    try:
        cases = wanted(read_cases(models=options.models))
        missing = wanted(left_out(models=options.models))
        for path in sorted({case.model for case in missing}):
            print(f"conformance: no model {path}: its cases are left out", file=sys.stderr)
        print(f"{'case':<28}" + "".join(f"{column:<9}" for column in COLUMNS))
        for verdict in run_cases(options.command, cases, options.limit_s):
            verdicts.append(verdict)
            if verdict.failed or not options.failed:
                print(row(verdict), flush=True)
    except (CommandError, StaleVectorsError) as error:
        print(f"conformance: error: {error}", file=sys.stderr)
        return 2
    print()
    print(summary(verdicts, len(missing)))
    return 1 if not verdicts or any(verdict.failed for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
