"""Loading shared libraries, and the reasons when one cannot be loaded."""

from pathlib import Path

import pytest

from stc.kernels import native
from stc.native import loading
from stc.native.loading import NOTE, SUFFIX, load


def test_a_missing_library_is_a_reason_not_an_error(tmp_path):
    library, why = load(tmp_path / "_core")
    assert library is None
    assert why == f"_core{SUFFIX} was not built"


def test_the_reason_is_what_the_build_noted(tmp_path):
    (tmp_path / f"_core{NOTE}").write_text("not built at installation:\n  no compiler\n")
    assert load(tmp_path / "_core").why == "not built at installation: no compiler"


def test_a_file_that_is_no_library_says_so(tmp_path):
    (tmp_path / f"_core{SUFFIX}").write_bytes(b"not a library")
    library, why = load(tmp_path / "_core")
    assert library is None
    assert why.startswith(f"_core{SUFFIX} cannot be loaded: ")


def test_a_library_of_other_sources_is_not_used():
    if native.why:
        pytest.skip(native.why)
    stem = Path(loading.__file__).with_name("_nearest")
    assert load(stem, [native.SYMBOL]).why == ""
    library, why = load(stem, [native.SYMBOL, "stc_nearest_0"])
    assert library is None
    assert "stc_nearest_0" in why
