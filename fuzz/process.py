"""The process of one fuzzer: python -m fuzz.process TARGET LIBFUZZER-OPTIONS.

`fuzz.running` starts it. libFuzzer ends the process without Python's exit handlers.
"""

from __future__ import annotations

import contextlib
import random
import sys
import warnings

import atheris  # type: ignore[import-untyped, unused-ignore]

from fuzz.checking import check, limit_memory
from fuzz.target import Target

PACKAGES = ["stc", "base45", "tarfile"]


def main(name: str, options: list[str]) -> None:
    """Load and instrument a target, and fuzz it. Does not return."""
    target = _instrumented(name)
    if target.strict:
        warnings.simplefilter("error")

    def one(data: bytes) -> None:
        # Anew for each input: Atheris loses some memory with every comparison of arrays that it
        # traces, a gigabyte in a million inputs.
        limit_memory(target.memory)
        check(target, data)

    mutator = {"custom_mutator": _mutator(target)} if target.repair else {}
    atheris.Setup([sys.argv[0], *options], one, **mutator)
    atheris.Fuzz()


def _instrumented(name: str) -> Target:
    """The target, with the branches of PACKAGES instrumented and all seeds parsed once.

    Parsing the seeds loads every module before memory is limited.
    """
    sys.modules.pop("tarfile", None)  # imported already, but must be imported with instrumentation
    with atheris.instrument_imports(include=PACKAGES, enable_loader_override=False):
        from fuzz.targets import load

        target = load(name)
        for seed in target.seeds().values():
            with contextlib.suppress(Exception):  # the fuzzer parses it again and reports it
                check(target, seed)
    return target


def _mutator(target: Target):  # type: ignore[no-untyped-def]
    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        changed = bytes(atheris.Mutate(data, max_size))
        if seed % 4 and target.repair is not None:
            changed = target.repair(changed, random.Random(seed))  # noqa: S311
        return changed[:max_size]

    return mutate


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
