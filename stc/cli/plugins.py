"""Verbs that are not built in: those of stc.lab and of other packages.

An entry point of the group `stc.verbs` defines a verb. Its name is the verb as typed after `stc`,
with dots in place of spaces, such as `train` or `protect.fit`; its value is a module with a
function `add_parser(verbs)`, as in the modules of the built-in verbs.

Reading the entry points of all installed packages takes as long as decoding a face, and the module
of a verb may have slow imports. So entry points are read only for a verb that is not built in, and
for help.
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
from stc.cli.unknown import suggestions, verbs_of

GROUP = "stc.verbs"

_LOUDNESS = {
    ("-v", "--verbose"): "print what is being done",
    ("-q", "--quiet"): "print errors only",
}

_log = logging.getLogger(__name__)


def plugged_in(prefix: str = "", built_in: Container[str] = ()) -> list[ModuleType]:
    """The modules of the verbs that entry points define below a prefix, sorted by verb.

    prefix: the words between `stc` and the verb, such as "protect". built_in: the verbs that entry
        points must not replace.

    Such a verb, and one whose module cannot be imported, is left out with a warning: a broken
    package must not disable the other verbs.
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
    """Yield a parser and all its subparsers, after adding the flags and verbs added on demand."""
    if isinstance(parser, VerbParser):
        parser.join_all()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in dict.fromkeys(action.choices.values()):
                yield from expand(below)


def add_loudness(parser: argparse.ArgumentParser, default: object) -> None:
    """Add the flags -v and -q, except those whose names the parser uses already."""
    taken = parser._option_string_actions
    free = {names: what for names, what in _LOUDNESS.items() if not taken.keys() & set(names)}
    if free:  # argparse fails to format an empty group
        flags = parser.add_mutually_exclusive_group()
        for names, what in free.items():
            flags.add_argument(*names, action="store_true", default=default, help=what)


class Parser(argparse.ArgumentParser):
    """A parser whose errors suggest the option or verb that an unknown one may stand for.

    The messages contain no control characters of the arguments they quote.
    """

    _words: Sequence[str] = ()
    _outer: Parser | None = None  # the parser whose verb this one is for

    def parse_known_args(  # type: ignore[override] # argparse's own has overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        self._words = sys.argv[1:] if args is None else list(args)
        for parser in verbs_of(self).values():
            if isinstance(parser, Parser):
                parser._outer = self
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        first = self
        while first._outer is not None:
            first = first._outer
        super().error(shown("; ".join([message, *suggestions(first, first._words)])))

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse ignores a failure to write help to stdout; here it raises OSError.
        with contextlib.suppress(*() if file is sys.stdout else (OSError,)):
            (file or sys.stderr).write(message)


class VerbParser(Parser):
    """The parser of a verb: it also accepts -v, -q, and subcommands defined by entry points.

    Both are added on parsing and on help. So the flags come last in help, a verb can define flags
    with these names itself, and entry points are read only if needed. Subparsers have the same
    class, unless `add_subparsers` gets another one.
    """

    _has_loudness = False
    _join: Callable[[], None] | None = None
    _built_in: Container[str] = ()

    def accept_plugins(self, prefix: str, verbs: Any, add: Callable[[ModuleType], object]) -> None:
        """Accept subcommands of other packages in addition to those of this parser.

        prefix: the words between `stc` and the subcommand. verbs: the result of `add_subparsers`,
            which holds the built-in subcommands. add: adds the subcommand of a module.
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
        """Add the flags -v and -q, and the subcommands of entry points, now."""
        self._add_loudness()
        self._join_now()

    def _add_loudness(self) -> None:
        if not self._has_loudness:
            self._has_loudness = True
            # The default of the verb's flag must not reset a flag that was given before the verb.
            add_loudness(self, argparse.SUPPRESS)

    def _join_now(self) -> None:
        join, self._join = self._join, None
        if join is not None:
            join()
