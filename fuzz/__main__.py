"""The command line: python -m fuzz TARGET... --seconds N | --runs N; see `fuzz`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz import corpus
from fuzz.running import ROOT, Outcome, run
from fuzz.targets import NAMES, load

HEAD = "| target | inputs | a second of a core | branches | lines of the parser | failures |"
RULE = "|---|---|---|---|---|---|"


def main() -> int:
    """Fuzz, replay or shrink -> 1 if an input fails, else 0."""
    options = _parse()
    names = list(NAMES) if options.target == "all" else [options.target]
    for path in (options.replay, options.shrink):
        if path is not None:
            return replay(options.target, path, smaller=path is options.shrink)
    code = 0
    print(HEAD, RULE, sep="\n")
    for outcome in _outcomes(names, options):
        lines = _lines(outcome.name, options.out) if options.runs else "-"
        print(row(outcome, lines), flush=True)
        if not outcome.is_sound:
            code = 1
            _explain(outcome)
    return code


def row(outcome: Outcome, lines: str) -> str:
    """An outcome as a row of the table; lines: the text of its column "lines of the parser"."""
    rate = outcome.inputs / max(outcome.seconds, 1e-9)
    return (
        f"| {outcome.name} | {outcome.inputs:,} | {rate:,.0f} | {outcome.branches:,} | "
        f"{lines} | {len(outcome.failures)} |"
    )


def replay(name: str, path: Path, *, smaller: bool) -> int:
    """Check one input in this process, without the fuzzer.

    smaller: shrink a failing input and print it; SystemExit if it does not fail.
    Returns 1 after shrinking, 0 for an input that passes; raises the error of one that fails.
    """
    from fuzz.checking import check, limit_memory
    from fuzz.shrinking import failure, shrink

    target, data = load(name), path.read_bytes()
    for seed in target.seeds().values():
        failure(target, seed)  # loads modules and models before memory is limited
    limit_memory(target.memory)
    if smaller:
        wanted = failure(target, data)
        if wanted is None:
            raise SystemExit(f"{path} does not fail")
        data = shrink(data, lambda shorter: failure(target, shorter) == wanted)
        print(f"{wanted[0]} at {wanted[1]}: {data!r}")
        return 1
    print(f"{name}: {len(data)} bytes are {'accepted' if check(target, data) else 'refused'}")
    return 0


def _outcomes(names: list[str], options: argparse.Namespace) -> Iterator[Outcome]:
    def one(name: str) -> Outcome:
        return run(name, options.out, seconds=options.seconds, runs=options.runs)

    with ThreadPoolExecutor(options.jobs) as threads:
        yield from threads.map(one, names)


def _lines(name: str, folder: Path) -> str:
    """The covered and total lines of the parser, "N of M", measured in another process."""
    folders = [str(corpus.FOLDER / name), str(folder / name / "corpus")]
    command = [sys.executable, "-m", "fuzz.lines", name, *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        return "unknown"
    reached, there = done.stdout.split()[-2:]
    return f"{reached} of {there}"


def _explain(outcome: Outcome) -> None:
    print(f"{outcome.name}: failed with code {outcome.code}; see {outcome.log}", file=sys.stderr)
    for path in outcome.failures:
        print(f"  again: python -m fuzz {outcome.name} --replay {path}", file=sys.stderr)
        print(f"  smaller: python -m fuzz {outcome.name} --shrink {path}", file=sys.stderr)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzz the parsers of stc.")
    parser.add_argument("target", choices=["all", *NAMES])
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--seconds", type=int, help="time of each target; 60 if not given")
    how.add_argument("--runs", type=int, metavar="N", help="number of inputs of each target")
    how.add_argument("--replay", type=Path, metavar="FILE", help="check one input")
    how.add_argument("--shrink", type=Path, metavar="FILE", help="print a smaller input that fails")
    parser.add_argument("--jobs", type=int, default=1, help="targets run at once; 1")
    default = Path(tempfile.gettempdir()) / "stc-fuzz"
    parser.add_argument("--out", type=Path, default=default, help=f"logs and failures; {default}")
    options = parser.parse_args()
    if options.target == "all" and (options.replay or options.shrink):
        parser.error("--replay and --shrink need the name of one target")
    if options.seconds is None and options.runs is None:
        options.seconds = 60
    options.out = options.out.resolve()
    if ROOT in (options.out, *options.out.parents):
        parser.error("--out must be outside the repository")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
