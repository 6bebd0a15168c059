"""The pages of docs/api name modules whose public names all have docstrings."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from stc.errors import MissingExtraError

PAGES = sorted(Path("docs/api").glob("*.md"))


def module_of(page):
    """The module that a page has the docstrings of."""
    (name,) = re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    try:
        return importlib.import_module(name)
    except (MissingExtraError, ModuleNotFoundError) as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_everything_public_has_a_docstring(page):
    module = module_of(page)
    assert inspect.getdoc(module)
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{module.__name__}.{public}"


def test_the_site_has_every_page_under_the_name_of_its_module():
    nav = Path("mkdocs.yml").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^ +- ([\w.]+): api/(\w+)\.md$", nav, re.MULTILINE))
    named = {page.read_text(encoding="utf-8").splitlines()[0]: page.stem for page in PAGES}
    assert {f"# {module}": stem for module, stem in listed.items()} == named


def test_every_page_of_the_folder_is_in_the_site():
    nav = Path("mkdocs.yml").read_text(encoding="utf-8")
    for page in Path("docs").glob("*.md"):
        assert f" {page.name}\n" in nav, page
