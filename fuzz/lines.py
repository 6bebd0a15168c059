"""How many lines of a target's parsers a folder of inputs reaches: python -m fuzz.lines NAME DIR...

Every input is checked once in this process, without the fuzzer, while Python's tracer notes the
lines that run. Lines that run when a module is imported, such as `def`, are not counted.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from fuzz.target import Target
from fuzz.targets import load


def measure(target: Target, inputs: Iterable[bytes]) -> tuple[int, int]:
    """Lines of the parsers' functions that were reached, and how many there are."""
    modules = [importlib.import_module(name) for name in target.parsers]
    wanted = {str(module.__file__): set(_lines(module)) for module in modules}
    seen: dict[str, set[int]] = {file: set() for file in wanted}

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        own = seen.get(frame.f_code.co_filename)
        if own is None:
            return None

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            own.add(frame.f_lineno)
            return line

        return line

    sys.settrace(enter)
    try:
        for data in inputs:
            with contextlib.suppress(Exception):  # a failure is the fuzzer's to tell
                target.answer(data)
    finally:
        sys.settrace(None)
    reached = sum(len(seen[file] & lines) for file, lines in wanted.items())
    return reached, sum(map(len, wanted.values()))


def _lines(module: ModuleType) -> Iterator[int]:
    """The lines of all functions of a module."""
    path = Path(str(module.__file__))
    waiting = [(compile(path.read_bytes(), str(path), "exec"), False)]
    while waiting:
        code, is_function = waiting.pop()
        if is_function:
            yield from (n for _, _, n in code.co_lines() if n and n != code.co_firstlineno)
        # A class's body runs when it is made; its functions are counted.
        waiting += [
            (inner, is_function or bool(inner.co_flags & 2))  # CO_NEWLOCALS
            for inner in code.co_consts
            if isinstance(inner, CodeType)
        ]


def main(name: str, folders: list[str]) -> None:
    """Print the two numbers."""
    inputs = [path.read_bytes() for folder in folders for path in sorted(Path(folder).iterdir())]
    print(*measure(load(name), inputs))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
