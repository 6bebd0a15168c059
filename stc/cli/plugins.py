"""Verbs that are not built in: STC's laboratory's, and those of any other package.

An entry point of the group `stc.verbs` is a verb. Its name is what is typed after `stc`, with dots
for spaces, such as `train` or `protect.fit`; it leads to a module with `add_parser(verbs)`, as the
built-in ones have.
Reading the entry points of all installed packages takes as long as decoding a face, and a verb's
module may import much: so it is done only for a verb that is not built in, and for help.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

from stc.cli.printing import shown

GROUP = "stc.verbs"

_LOUDNESS = {
    ("-v", "--verbose"): "print what is being done",
    ("-q", "--quiet"): "print errors only",
}

_log = logging.getLogger(__name__)


def plugged_in(prefix: str = "", built_in: Container[str] = ()) -> list[ModuleType]:
    """The modules of all verbs that are typed after `stc` and the prefix, by name.

    A verb that is `built_in`, or whose module cannot be imported, is left out with a warning: one
    broken package must not stop the others.
    """
    from importlib.metadata import entry_points

    found: dict[str, ModuleType] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        *before, verb = point.name.split(".")
        if " ".join(before) != prefix or verb in found:
            continue
        if verb in built_in:
            _log.warning("stc %s is built in: %s is left out", point.name, point.value)
            continue
        try:
            found[verb] = import_module(point.value)
        except Exception as error:  # another package's module may fail in any way
            _log.warning("stc %s is left out: %s: %s", point.name, type(error).__name__, error)
    return list(found.values())


def expand(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all that are below it, each with the flags and verbs that come on demand."""
    if isinstance(parser, VerbParser):
        parser.join_all()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in dict.fromkeys(action.choices.values()):
                yield from expand(below)


def add_loudness(parser: argparse.ArgumentParser, default: object) -> None:
    """Add the flags -v and -q, but for those whose names the parser has taken already."""
    taken = parser._option_string_actions
    free = {names: what for names, what in _LOUDNESS.items() if not taken.keys() & set(names)}
    if free:  # help cannot show an empty group
        flags = parser.add_mutually_exclusive_group()
        for names, what in free.items():
            flags.add_argument(*names, action="store_true", default=default, help=what)


class Parser(argparse.ArgumentParser):
    """A parser whose errors do nothing to a terminal, whatever words they quote."""

    def error(self, message: str) -> NoReturn:
        super().error(shown(message))

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse's own ignores that help could not be written.
        with contextlib.suppress(*() if file is sys.stdout else (OSError,)):
            (file or sys.stderr).write(message)


class VerbParser(Parser):
    """A verb's parser: takes -v and -q, and plugged-in verbs beside its own.

    Both are added when something is parsed or help is shown: flags stand last in help, those that
    the verb has defined itself are left to it, and verbs are looked up only if needed. Subparsers
    of such a parser are of this class too, unless `add_subparsers` gets another one.
    """

    _has_loudness = False
    _join: Callable[[], None] | None = None
    _built_in: Container[str] = ()

    def accept_plugins(self, prefix: str, verbs: Any, add: Callable[[ModuleType], object]) -> None:
        """Let other packages' verbs join those of this parser.

        prefix: what is typed between `stc` and the verb. verbs: what `add_subparsers` gave, with
        the built-in verbs in it. add: adds the verb of a module.
        """

        def join() -> None:
            for module in plugged_in(prefix, verbs.choices):
                add(module)

        self._join, self._built_in = join, verbs.choices

    def parse_known_args(  # type: ignore[override] # argparse's own has overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        self._add_loudness()
        words = sys.argv[1:] if args is None else args
        verb = next((word for word in words if not word.startswith("-")), None)
        if verb is not None and verb not in self._built_in:
            self._join_now()
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        self.join_all()
        return super().format_help()

    def join_all(self) -> None:
        """Add the flags and the plugged-in verbs now."""
        self._add_loudness()
        self._join_now()

    def _add_loudness(self) -> None:
        if not self._has_loudness:
            self._has_loudness = True
            # A flag before the verb must not be undone by the verb's own default.
            add_loudness(self, argparse.SUPPRESS)

    def _join_now(self) -> None:
        join, self._join = self._join, None
        if join is not None:
            join()
