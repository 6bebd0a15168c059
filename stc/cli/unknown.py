"""Options and verbs that a parser does not know, and those that they may stand for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from stc.suggestion import closest


def suggestions(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """A clause for every unknown option or verb in `words` that resembles one the parser knows.

    An unknown option is compared with the options of the verbs around it: those of the parsers
    whose verbs precede it, and of the verb that follows it.
    """
    found: list[str] = []
    waiting: list[str] = []  # unknown options before a verb
    is_past_verb = False  # a verb that is unknown
    for word in words:
        if word == "--":
            break
        verbs = verbs_of(parser)
        if word.startswith("-"):
            name = word.partition("=")[0]
            if _is_unknown(parser, name):
                likely = closest(name, parser._option_string_actions)
                if likely is not None:
                    found.append(f"{name}: did you mean {likely}?")
                elif verbs:
                    waiting.append(name)
        elif word in verbs:
            parser = verbs[word]
            for name in waiting:
                likely = closest(name, parser._option_string_actions)
                if likely == name:
                    found.append(f"{name}: give it after {word}")
                elif likely is not None:
                    found.append(f"{name}: did you mean {likely}, after {word}?")
            waiting = []
        elif verbs and not waiting and not is_past_verb:
            is_past_verb = True
            likely = closest(word, verbs)
            if likely is not None:
                found.append(f"did you mean {likely}?")
    return list(dict.fromkeys(found))


def _is_unknown(parser: argparse.ArgumentParser, name: str) -> bool:
    """Whether a word is an option that the parser lacks, in full, shortened or joined to others."""
    if len(name) < 3 or name[1:].replace(".", "").isdigit():  # `-`, `-x` or a negative number
        return False
    known = parser._option_string_actions
    if name.startswith("--"):
        return not any(one.startswith(name) for one in known)
    return name[:2] not in known


def verbs_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of a parser's verbs; {} if it has none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
