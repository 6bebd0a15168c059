"""Running the fuzzer of one target in a process, and its outcome."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fuzz import corpus

ROOT = Path(__file__).parents[1]
# Wall-clock seconds after which libFuzzer stops an input, for hangs in native code. The limit of
# `fuzz.checking` is much lower, and in processor time, which does not depend on other processes.
HANG = 300
MAX_RSS = 3072  # MiB; libFuzzer stops a process with more

_INPUTS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_DONE = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+)")


@dataclass(frozen=True)
class Outcome:
    """The result of a run of one target."""

    name: str
    inputs: int
    seconds: float  # of processor time, including the start
    branches: int  # covered ones of the instrumented modules, as libFuzzer counts them
    failures: list[Path]  # files of failing inputs
    code: int  # exit code of the process: 0 if no input failed
    log: Path

    @property
    def is_sound(self) -> bool:
        """Whether the run ended without a failure."""
        return self.code == 0 and not self.failures


def run(name: str, folder: Path, *, seconds: int | None = None, runs: int | None = None) -> Outcome:
    """Fuzz a target for a number of seconds or of inputs (`runs`), or until the first failure.

    folder: gets the log, the inputs that reach new branches, and the failing inputs.
    """
    found, own = folder / name / "corpus", folder / name
    found.mkdir(parents=True, exist_ok=True)
    before = set(_failures(own))
    options = [
        *(f"-max_total_time={seconds}" if seconds is not None else f"-runs={runs}",),
        f"-max_len={_max_len(name)}",
        f"-dict={Path(__file__).parent / 'stc.dict'}",
        f"-artifact_prefix={own}/",
        f"-timeout={HANG}",
        f"-rss_limit_mb={MAX_RSS}",
        f"-report_slow_units={HANG}",
        "-print_final_stats=1",
        str(found),
        str(corpus.FOLDER / name),
    ]
    log = own / "log.txt"
    memory = Path("/dev/shm")  # noqa: S108 - TemporaryDirectory makes a new, private folder
    with (
        tempfile.TemporaryDirectory(
            prefix="stc-fuzz-", dir=memory if memory.is_dir() else None
        ) as scratch,
        log.open("wb") as output,
    ):
        limits = {"STC_THREADS": "1", "OMP_NUM_THREADS": "1", "TMPDIR": scratch}
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "fuzz.process", name, *options],
            cwd=ROOT,
            env={**os.environ, **limits},
            stdout=output,
            stderr=output,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text(errors="replace")
    done = [(int(inputs), int(branches)) for inputs, branches in _DONE.findall(text)]
    counted = [int(inputs) for inputs in _INPUTS.findall(text)]
    return Outcome(
        name,
        inputs=max(counted + [inputs for inputs, _ in done], default=0),
        seconds=usage.ru_utime + usage.ru_stime,
        branches=max((branches for _, branches in done), default=0),
        failures=sorted(set(_failures(own)) - before),
        code=process.returncode,
        log=log,
    )


def _max_len(name: str) -> int:
    # Importing the target here would load numpy and a model for one number.
    text = (Path(__file__).parent / "targets" / f"{name}.py").read_text()
    known = re.search(r"max_len=(\d+)", text)
    return int(known[1]) if known else 1024


def _failures(folder: Path) -> list[Path]:
    return [
        path for path in folder.iterdir() if path.name.startswith(("crash-", "timeout-", "oom-"))
    ]
