"""Fixtures: a .stc file, and for `stc protect` a key and a stand-in for a recognition model."""

import pytest

from stc.cli.main import main
from tests.recognition.stand_ins import Thumbnails


@pytest.fixture
def path(face_file, tmp_path):
    path = tmp_path / "face.stc"
    path.write_bytes(face_file)
    return path


@pytest.fixture
def thumbnails(monkeypatch):
    monkeypatch.setattr("stc.protection.extractors.open_recogniser", lambda text: Thumbnails())


@pytest.fixture
def key(tmp_path):
    assert main(["protect", "-q", "keygen", "-o", str(tmp_path / "k")]) == 0
    return str(tmp_path / "k")
