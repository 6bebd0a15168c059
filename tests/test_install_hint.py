"""The name of the distribution, which is not that of the package."""

import re
from importlib.metadata import distribution
from pathlib import Path

from stc.install_hint import DISTRIBUTION, install_hint

ROOT = Path(__file__).parents[1]
HELPER = ROOT / "stc" / "install_hint.py"


def test_it_is_the_name_that_is_published():
    (name,) = re.findall(r'^name = "(.+?)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert name == DISTRIBUTION
    assert install_hint("qr") == f"pip install '{name}[qr]'"


def test_it_is_the_name_that_is_installed():
    names = [point.name for point in distribution(DISTRIBUTION).entry_points]
    assert "stc" in names


def test_every_hint_of_an_extra_comes_from_the_helper():
    hint = re.compile(r"pip install ['\"][^'\"]*\[")
    sources = [path for path in (ROOT / "stc").rglob("*.py") if path != HELPER]
    assert [path.name for path in sources if hint.search(path.read_text("utf-8"))] == []
