"""`stc protect enroll`: what it writes, and what it refuses."""

from pathlib import Path

import pytest

from stc.cli.main import main

FACE = "tests/assets/astronaut.png"


pytestmark = pytest.mark.usefixtures("thumbnails")


def enroll(key, target, *more):
    """Enrol the astronaut into a file -> the exit code."""
    return main(["protect", "enroll", FACE, "-o", str(target), "--key", key, *more])


def test_a_record_that_is_overwritten_is_a_new_file(key, tmp_path):
    """Another hard link, as in a backup by `cp -l`, keeps the old record."""
    record, backup = tmp_path / "a.stp", tmp_path / "backup"
    assert enroll(key, record) == 0
    before = record.read_bytes()
    backup.hardlink_to(record)
    record.chmod(0o640)
    assert enroll(key, record, "--force") == 0
    assert backup.read_bytes() == before
    assert record.read_bytes() != before
    assert record.stat().st_mode & 0o777 == 0o640


def test_a_record_is_not_written_over_the_key(key, capsys):
    before = Path(key).read_bytes()
    assert enroll(key, key, "--force") == 2
    assert "is both input and output" in capsys.readouterr().err
    assert Path(key).read_bytes() == before


def test_an_empty_id_is_none(key, tmp_path, capsys):
    assert enroll(key, tmp_path / "a.stp", "--id", "") == 8
    assert "a record id has 1 to 64 bytes" in capsys.readouterr().err
    assert not (tmp_path / "a.stp").exists()


def test_a_missing_recogniser(key, tmp_path, capsys, monkeypatch):
    from stc.recognition.opening import open_recogniser

    monkeypatch.setattr("stc.protection.extractors.open_recogniser", open_recogniser)
    assert enroll(key, tmp_path / "a.stp", "--recogniser", "x=missing.onnx") == 6
    assert "there is no file missing.onnx" in capsys.readouterr().err
