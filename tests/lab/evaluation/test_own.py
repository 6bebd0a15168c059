"""The cache key of STC's own results."""

import pytest

from stc.lab.evaluation import own


@pytest.mark.parametrize("name", ["codec/level.py", "native/core.cpp", "native/packing.h"])
def test_results_of_other_code_are_not_used(name, tmp_path, monkeypatch):
    monkeypatch.setattr(own.stc, "__file__", str(tmp_path / "__init__.py"))
    file = tmp_path / name
    file.parent.mkdir()
    found = []
    for text in ("one", "other", "one"):
        file.write_text(text)
        found.append(own.code_digest.__wrapped__())
    assert found[0] == found[2] != found[1]
