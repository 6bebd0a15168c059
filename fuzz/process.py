"""One fuzzer in a process of its own: python -m fuzz.process TARGET LIBFUZZER-OPTIONS.

`fuzz.running` starts it. The process ends in libFuzzer, never here: nothing that Python does at its
end is done.
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
    """Instrument, read all seeds once so that every module is loaded, and fuzz."""
    target = _instrumented(name)
    if target.strict:
        warnings.simplefilter("error")
    limit_memory(target.memory)

    def one(data: bytes) -> None:
        check(target, data)

    mutator = {"custom_mutator": _mutator(target)} if target.repair else {}
    atheris.Setup([sys.argv[0], *options], one, **mutator)
    atheris.Fuzz()


def _instrumented(name: str) -> Target:
    """The target, with the branches counted of stc and of the parsers that it trusts most."""
    sys.modules.pop("tarfile", None)  # others have imported it: it must be imported anew
    with atheris.instrument_imports(include=PACKAGES, enable_loader_override=False):
        from fuzz.targets import load

        target = load(name)
        for seed in target.seeds().values():
            with contextlib.suppress(Exception):  # the fuzzer reads it again, and says so
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
