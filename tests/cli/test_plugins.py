"""Verbs of other packages: found by their entry points, only when they are needed."""

import argparse
import importlib.metadata
import logging
import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from stc.cli.plugins import GROUP, VerbParser, plugged_in


@pytest.fixture
def install(monkeypatch):
    """Pretend that packages are installed: {verb: whether its module can be imported}."""
    reads = []

    def install(**modules):
        points = []
        for name, sound in modules.items():
            module = ModuleType(f"toy_{name}")
            verb = name.split("_")[-1]
            module.add_parser = lambda verbs, verb=verb: verbs.add_parser(verb, help=f"do {verb}")
            monkeypatch.setitem(sys.modules, module.__name__, module if sound else None)
            points.append(EntryPoint(name.replace("_", "."), module.__name__, GROUP))

        def entry_points(group):
            reads.append(group)
            return points

        monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
        return reads

    return install


def build(prefix=""):
    """A parser with one built-in verb."""
    parser = VerbParser(prog="stc")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("own", help="do own").add_argument("word", nargs="?")
    parser.accept_plugins(prefix, verbs, lambda module: module.add_parser(verbs))
    return parser


def test_verbs_are_those_behind_the_prefix(install):
    install(train=True, protect_fit=True, protect_attack=True, evaluate=True)
    names = [module.__name__ for module in plugged_in("")]
    assert names == ["toy_evaluate", "toy_train"]
    names = [module.__name__ for module in plugged_in("protect")]
    assert names == ["toy_protect_attack", "toy_protect_fit"]
    assert plugged_in("train") == []


def test_one_broken_package_stops_no_other(install, caplog):
    caplog.set_level(logging.WARNING, "stc")
    install(evaluate=False, train=True)
    assert [module.__name__ for module in plugged_in()] == ["toy_train"]
    assert "stc evaluate is left out: ModuleNotFoundError" in caplog.text


def test_what_is_built_in_stays(install, caplog):
    caplog.set_level(logging.WARNING, "stc")
    install(train=True, own=True)
    assert [module.__name__ for module in plugged_in("", {"own"})] == ["toy_train"]
    assert "stc own is built in" in caplog.text
    assert build().parse_args(["own", "x"]).word == "x"


def test_nothing_is_read_for_a_verb_that_is_built_in(install):
    reads = install(train=True)
    assert build().parse_args(["own", "train"]).word == "train"
    assert reads == []


def test_a_verb_that_is_plugged_in(install):
    reads = install(train=True)
    assert build().parse_args(["train"]).verb == "train"
    assert reads == [GROUP]


def test_a_verb_behind_another(install):
    install(protect_fit=True)
    parser = VerbParser(prog="stc")
    verbs = parser.add_subparsers(dest="verb", required=True)
    protect = verbs.add_parser("protect")
    own = protect.add_subparsers(dest="protect_verb", required=True)
    protect.accept_plugins("protect", own, lambda module: module.add_parser(own))
    options = parser.parse_args(["protect", "fit"])
    assert (options.verb, options.protect_verb) == ("protect", "fit")


def test_help_shows_all(install, capsys):
    reads = install(train=True)
    parser = build()
    with pytest.raises(SystemExit, match="0"):
        parser.parse_args(["--help"])
    shown = capsys.readouterr().out
    assert "do own" in shown
    assert "do train" in shown
    parser.format_help()
    assert reads == [GROUP]


def test_a_verb_that_nobody_has(install, capsys):
    install(train=True)
    with pytest.raises(SystemExit, match="2"):
        build().parse_args(["fly"])
    assert "own, train" in capsys.readouterr().err.replace("'", "")  # Python 3.12 quotes nothing


def test_no_verb_at_all_reads_nothing(install, capsys):
    reads = install(train=True)
    with pytest.raises(SystemExit, match="2"):
        build().parse_args([])
    assert reads == []


def test_a_parser_without_plugins_is_argparses_own():
    parser = VerbParser(prog="stc")
    parser.add_argument("word")
    assert parser.parse_args(["x"]) == argparse.Namespace(word="x")
    assert "word" in parser.format_help()


def test_loudness_is_taken_at_every_level(install):
    install(train=True, protect_fit=True)
    for words in (["-q", "own"], ["own", "-q"], ["train", "-q"], ["own", "x", "--quiet"]):
        assert build().parse_args(words).quiet
    assert "quiet" not in build().parse_args(["own"])
    with pytest.raises(SystemExit, match="2"):
        build().parse_args(["own", "-q", "-v"])


def test_flags_of_a_verb_that_has_its_own_stay(capsys):
    parser = VerbParser(prog="stc")
    verbs = parser.add_subparsers(dest="verb", required=True)
    fit = verbs.add_parser("fit")
    fit.add_argument("-q", type=int)
    fit.add_argument("--verbose", type=int)
    assert parser.parse_args(["fit", "-q", "3", "--verbose", "4"]).q == 3
    with pytest.raises(SystemExit, match="0"):
        parser.parse_args(["fit", "--help"])
    assert "print errors only" not in capsys.readouterr().out
