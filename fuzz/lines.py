"""Line coverage of a target's parsers by folders of inputs: python -m fuzz.lines NAME DIR...

Every input is parsed once in this process, without the fuzzer, while Python's tracer records the
lines that run. Lines that run on import, such as `def`, are not counted.
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
    """Run all inputs -> the numbers of covered and of all lines in the parsers' functions."""
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
            with contextlib.suppress(Exception):  # the fuzzer reports failures
                target.answer(data)
    finally:
        sys.settrace(None)
    reached = sum(len(seen[file] & lines) for file, lines in wanted.items())
    return reached, sum(map(len, wanted.values()))


def _lines(module: ModuleType) -> Iterator[int]:
    """Yield the line numbers of all functions of a module."""
    path = Path(str(module.__file__))
    waiting = [(compile(path.read_bytes(), str(path), "exec"), False)]
    while waiting:
        code, is_function = waiting.pop()
        if is_function:
            yield from (n for _, _, n in code.co_lines() if n and n != code.co_firstlineno)
        # The body of a class runs on import, so only its functions are counted.
        waiting += [
            (inner, is_function or bool(inner.co_flags & 2))  # CO_NEWLOCALS
            for inner in code.co_consts
            if isinstance(inner, CodeType)
        ]


def main(name: str, folders: list[str]) -> None:
    """Print the numbers of covered and of all lines."""
    inputs = [path.read_bytes() for folder in folders for path in sorted(Path(folder).iterdir())]
    print(*measure(load(name), inputs))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
