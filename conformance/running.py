"""Running a decoder's command once for every case."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from conformance.cases import Case, spliced
from conformance.checking import Outcome, Verdict, judge

SECONDS = 60  # time limit of a command for one case


class CommandError(Exception):
    """The command cannot be run, or has no {file}."""


def run_cases(
    command: Sequence[str], cases: Iterable[Case], seconds: float = SECONDS
) -> Iterator[Verdict]:
    """Run a command for every case, yield verdicts. Raises CommandError."""
    if not any("{file}" in word for word in command):
        raise CommandError("the command has no {file}: the decoder would have nothing to read")
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases):
            own = Path(folder) / str(number)
            own.mkdir()
            yield judge(case, run(command, case, own, seconds))


def run(command: Sequence[str], case: Case, folder: Path, seconds: float = SECONDS) -> Outcome:
    """Run a command for a case, in the current folder; its results belong into `folder`."""
    model = case.model
    if case.splices:
        model = folder / "model.safetensors"
        model.write_bytes(spliced(case.model.read_bytes(), list(case.splices)))
    words = filled(command, case, model, folder)
    try:
        done = subprocess.run(  # noqa: S603 - the user gives the command
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        (folder / "result.json").write_text('{"error": "no end"}')
        return Outcome(folder, 1, "")
    except OSError as error:
        raise CommandError(f"{words[0]}: {error.strerror}") from error
    return Outcome(folder, done.returncode, done.stderr.decode(errors="replace"))


def filled(command: Sequence[str], case: Case, model: Path, folder: Path) -> list[str]:
    """Replace the placeholders of a command; words that become empty are removed."""
    values = {
        "{file}": str(case.file),
        "{model}": str(model),
        "{folder}": str(folder),
        "{picture}": str(folder / "picture.png"),
        "{bare}": "--bare" if case.bare else "",
        "{source}": f"--source={case.source}" if case.source else "",
    }
    words = []
    for word in command:
        for name, value in values.items():
            word = word.replace(name, value)
        if word:
            words.append(word)
    return words
