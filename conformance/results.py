"""Writes results.md, the results of the decoders of this repository; conformance.make calls it.

python -m conformance.results     # results.md only
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence

from conformance import FOLDER, VECTORS
from conformance.cases import read_cases
from conformance.checking import COLUMNS, Verdict
from conformance.report import counts, largest, row
from conformance.running import run_cases
from conformance.version import DATE, VERSION

PAGE = FOLDER / "results.md"
CASE = ["{model}", "{file}", "{folder}", "{bare}"]
PYTHON = [sys.executable, str(FOLDER / "decoders" / "in_python.py"), "--core"]
WASM = FOLDER.parent / "web" / "decoder" / "dist" / "index.js"

DECODERS = {
    "native": ("`stc/native/core.cpp` in Python", [*PYTHON, "native", *CASE, "{source}"]),
    "numpy": ("`stc/codec/portable.py`", [*PYTHON, "portable", *CASE, "{source}"]),
    "WASM": (
        "`web/decoder`, the same core.cpp, under node",
        ["node", str(FOLDER / "decoders" / "in_wasm.mjs"), *CASE],
    ),
}

HEAD = """\
# Results of three decoders

Written by `python -m conformance.make`. Specification {version} of {date}; vectors made with
{models}.

Each cell states how many cases passed, out of all cases of the column. *Off by* is the largest
difference; in pictures, 1 of 255 is allowed.

| decoder | | {columns} | off by |
|---|---|{lines}---|
"""


def write_results() -> None:
    """Run all decoders that are available, and write results.md."""
    cases, rows, notes = read_cases(), [], []
    for name, (what, command) in DECODERS.items():
        missing = why_not(name)
        if missing:
            rows.append(f"| {name} | not run: {missing} |{' |' * (len(COLUMNS) + 1)}")
            continue
        print(f"{name}: {len(cases)} cases", flush=True)
        verdicts = list(run_cases(command, cases))
        rows.append(f"| {name} | {what} | {' | '.join(cells(verdicts))} |")
        notes += [f"{name}: {row(verdict)}" for verdict in verdicts if verdict.failed]
    models = json.loads((VECTORS / "manifest.json").read_text())["models"]
    named = [f"{name} ({row['fingerprint'][:4]})" for name, row in models.items()]
    head = HEAD.format(
        version=VERSION,
        date=DATE,
        models=", ".join(named),
        columns=" | ".join(COLUMNS),
        lines="---|" * len(COLUMNS),
    )
    text = head + "\n".join(rows) + "\n" + NOTES
    if notes:
        text += "\nWhat failed:\n\n" + "".join(f"    {note}\n" for note in notes)
    PAGE.write_text(text)


NOTES = """
An empty cell: the decoder does not give this output. The native core does not return the output of
the network, and the package for pages computes neither planes nor the quality of an encoder.
"""


def cells(verdicts: Sequence[Verdict]) -> list[str]:
    """The cells of a decoder's row."""
    found = []
    for column in COLUMNS:
        own = counts(verdicts, column)
        shown = own.total() - own["-"]
        found.append(f"{own['ok']} of {shown}" if shown else "")
    differences = {column: largest(verdicts, column) for column in ("planes", "picture")}
    off = [f"{column} {value:.2g}" for column, value in differences.items() if value is not None]
    return [*found, ", ".join(off)]


def why_not(name: str) -> str:
    """Why a decoder is not available, or ""."""
    if name == "native":
        from stc.native import library

        return library.why
    if name == "WASM":
        if shutil.which("node") is None:
            return "no node"
        if not WASM.is_file():
            return "web/decoder is not built"
    return ""


if __name__ == "__main__":
    write_results()
