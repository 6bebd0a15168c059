"""The scripts behind the site: links of its pages, the check for dead ones, plots and tables."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hook():
    pytest.importorskip("mkdocs")
    return load(ROOT / "docs" / "site_hook.py")


@pytest.fixture(scope="module")
def links():
    return load(ROOT / ".ci" / "site_links.py")


@pytest.fixture(scope="module")
def plots():
    for name in ("matplotlib", "torch"):
        pytest.importorskip(name)
    return load(ROOT / "docs" / "make_plots.py")


def test_paths_of_repository_and_site_are_inverse(hook):
    for path in (*hook.PAGES, "docs/cli.md", "docs/api/stc.md"):
        assert (ROOT / path).is_file()
        assert hook.repository_path(hook.site_path(path)) == path


def test_links_are_rewritten_outside_code_alone(hook):
    from mkdocs.structure.files import File, Files

    here = SimpleNamespace(file=SimpleNamespace(src_uri="cli.md"))
    text = "[a](../README.md#use-it) `[a](../README.md)` [b](qr.md) [c](https://x.y) [d](../fuzz)"
    expected = "[a](index.md#use-it) `[a](../README.md)` [b](qr.md) [c](https://x.y) d"
    pages = Files([File(name, None, "site", False) for name in ("index.md", "qr.md")])
    assert hook.on_page_markdown(text, here, None, pages) == expected


def test_dead_links_and_foreign_resources_are_found(links, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.html").write_text('<h1 id="here">b</h1>')
    good = '<a href="sub/b.html#here">1</a><a href="https://example.org">2</a><a href="#">3</a>'
    (tmp_path / "a.html").write_text(good)
    assert links.problems(tmp_path) == []
    bad = '<a href="c.html">1</a><a href="sub/b.html#there">2</a><img src="https://example.org/x">'
    (tmp_path / "a.html").write_text(bad)
    assert links.problems(tmp_path) == [
        "a.html: loads https://example.org/x",
        "a.html: no anchor sub/b.html#there",
        "a.html: no file c.html",
    ]


def test_tables_are_those_of_the_data(plots):
    table = plots.table(plots.read(plots.DEFAULT))
    for page in plots.PAGES:
        text = page.read_text(encoding="utf-8")
        assert plots.with_table(text, table) == text, "python docs/make_plots.py makes it again"


def test_a_page_without_marks_is_refused(plots):
    with pytest.raises(ValueError, match="lacks"):
        plots.with_table("no marks", "table")


def test_every_plot_can_be_drawn(plots):
    from matplotlib.figure import Figure

    for size, draw in plots.PLOTS.values():
        figure = Figure(size)
        draw(figure)
        assert all(axis.lines for axis in figure.axes)
