"""The API reference is made, and has what it should."""

import importlib.util
import inspect

import pytest

import stc


@pytest.fixture(scope="module")
def make_api():
    spec = importlib.util.spec_from_file_location("make_api", "docs/make_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_page_for_every_module(make_api, tmp_path, capsys):
    assert make_api.main(["-o", str(tmp_path)]) == 0
    assert "left out" not in capsys.readouterr().out
    for name in make_api.MODULES:
        assert (tmp_path / f"{name.replace('.', '/')}.html").is_file()
    page = (tmp_path / "stc.html").read_text()
    for public in stc.__all__:
        assert f'id="{public}"' in page
    assert "the file is never larger" in page


def test_everything_public_has_a_docstring(make_api):
    for name in make_api.MODULES:
        module = importlib.import_module(name)
        assert module.__doc__
        for public in getattr(module, "__all__", ()):
            value = getattr(module, public)
            if inspect.isclass(value) or inspect.isfunction(value):
                assert inspect.getdoc(value), f"{name}.{public}"
