"""docs/stc.1 has all that the verbs say of themselves."""

import argparse
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stc.cli.main import build_parser
from stc.cli.plugins import expand

PAGE = Path("docs/stc.1")
AGAIN = "python docs/make_man.py makes it again"


def plain(text):
    """Words of a page, without fonts and what else is roff's."""
    text = re.sub(r"\\f[BIR]|\\,|\\/|\\&", "", text).replace(r"\-", "-").replace("\\\\", "\\")
    return " ".join(text.split())


def test_the_page_has_every_verb_option_and_example():
    page = plain(PAGE.read_text(encoding="utf-8"))
    for parser in expand(build_parser()):
        texts = [parser.prog, parser.description]
        if parser.prog != "stc" and parser.epilog:
            texts.append(parser.epilog)
        for action in parser._actions:
            if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
                texts += [*action.option_strings, (action.help or "").replace("%%", "%")]
        for text in texts:
            assert " ".join(text.split()) in page, f"{parser.prog}: {text!r}: {AGAIN}"


def test_no_text_is_taken_for_a_request():
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        assert re.match(r"\.(TH|SH|TP|PP|B|nf|fi)\b|[^.']|$", line), line


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_groff_has_nothing_to_say():
    command = ["groff", "-man", "-Tutf8", "-ww", "-z", str(PAGE)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""


def test_the_script_makes_such_a_page(tmp_path, capsys):
    pytest.importorskip("argparse_manpage")
    spec = importlib.util.spec_from_file_location("make_man", "docs/make_man.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(["-o", str(tmp_path / "stc.1")]) == 0
    made = (tmp_path / "stc.1").read_text(encoding="utf-8")
    assert made.startswith('.TH STC "1"')
    assert ".SH EXIT STATUS" in made
    assert "\n\\&.stc file" in made
