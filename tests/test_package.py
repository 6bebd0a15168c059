"""What the package shows of itself."""

import importlib
import subprocess
import sys

import pytest

import stc
from stc import errors


def test_public_names():
    assert stc.__all__ == sorted(stc.__all__)
    for name in stc.__all__:
        assert getattr(stc, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = stc.nothing


def test_import_is_light():
    code = "import sys, stc; print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.strip() == b"[]"


def test_every_error_is_in_the_tree_and_has_its_code():
    tree = errors.__doc__
    classes = [e for e in vars(errors).values() if isinstance(e, type)]
    for error in classes:
        assert issubclass(error, errors.StcError)
        assert error.__name__ in tree
    codes = {e.exit_code for e in classes}
    assert codes == {1, 2, 3, 4, 5, 6, 7, 8, 9, 12}


@pytest.mark.parametrize("name", ["stc.bitstream", "stc.imaging", "stc.service"])
def test_packages_import_their_names_when_they_are_used(name):
    package = importlib.import_module(name)
    for public in package.__all__:
        assert getattr(package, public) is not None
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        _ = package.nothing
