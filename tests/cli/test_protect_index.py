"""`stc protect index`, and matching with an index."""

import errno
import os
from pathlib import Path

import pytest

from stc.cli.main import main
from stc.protection import Key, Revocations, protect, read_records
from stc.protection.extractors import open_extractor
from tests.protection.conftest import random_arrays

FACE = "tests/assets/astronaut.png"


pytestmark = pytest.mark.usefixtures("thumbnails")


@pytest.fixture
def records(tmp_path, key):
    """The astronaut's record and two hundred random ones, in two files."""
    from stc.protection import GroupedTemplate

    maker = open_extractor("any", "plain").maker
    own = Key.load(Path(key))
    features, weights = random_arrays(200, 12, 16)
    many = [
        protect(GroupedTemplate(*one, maker), own, place).to_bytes()
        for place, one in enumerate(zip(features, weights, strict=True))
    ]
    (tmp_path / "many.stp").write_bytes(b"".join(many))
    target = str(tmp_path / "a.stp")
    words = ["enroll", FACE, "-o", target, "--key", key, "--head", "plain", "--id", "eileen"]
    assert main(["protect", "-q", *words]) == 0
    return [str(tmp_path / "many.stp"), target]


@pytest.fixture
def index(tmp_path, key, records, capsys):
    target = str(tmp_path / "all.stg")
    assert main(["protect", "index", *records, "--key", key, "-o", target]) == 0
    size = Path(target).stat().st_size
    assert capsys.readouterr().out == f"{target}: {size} bytes, 201 records\n"
    return target


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_an_index_scores_as_its_records_do(index, records, key, capsys):
    options = ["--key", key, "--head", "plain"]
    assert main(["protect", "match", FACE, *records, *options]) == 0
    exact = lines(capsys)
    assert main(["protect", "match", FACE, index, *options]) == 0
    assert lines(capsys) == exact
    assert main(["protect", "match", FACE, index, *options, "--candidates", "10"]) == 0
    some = lines(capsys)
    assert len(some) == 10
    assert some[0] == exact[0]
    assert set(some) < set(exact)
    assert exact[0].endswith("eileen")


def test_an_index_and_records_in_one_search(index, records, key, capsys):
    words = [FACE, index, records[1], "--key", key, "--head", "plain", "--top", "3"]
    assert main(["protect", "match", *words]) == 0
    assert [line.endswith("eileen") for line in lines(capsys)] == [True, True, False]


def test_revoked_records_of_an_index(index, records, key, tmp_path, capsys):
    with open(records[1], "rb") as file:
        tag = next(read_records(file)).tag
    (tmp_path / "revoked").write_text(Revocations([tag]).to_text())
    words = [FACE, index, "--key", key, "--head", "plain", "--revoked", str(tmp_path / "revoked")]
    assert main(["protect", "match", *words]) == 0
    assert lines(capsys)[-1] == "-1.000000\teileen"


def test_an_index_is_its_owners_and_is_not_overwritten(index, records, key, capsys):
    assert Path(index).stat().st_mode & 0o777 == 0o600
    before = Path(index).read_bytes()
    assert main(["protect", "index", *records, "--key", key, "-o", index]) == 10
    assert "exists: give --force" in capsys.readouterr().err
    assert Path(index).read_bytes() == before
    assert main(["protect", "index", *records, "--key", key, "-o", index, "--force"]) == 0
    assert Path(index).read_bytes() != before
    assert Path(index).stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert main(["protect", "index", *records, "--key", key, "-o", "-"]) == 1
    assert "cannot be written to a stream" in capsys.readouterr().err


def test_what_fails_leaves_nothing(records, key, tmp_path, capsys):
    other = str(tmp_path / "other")
    main(["protect", "-q", "keygen", "-o", other])
    (tmp_path / "out").mkdir()
    target = str(tmp_path / "out" / "x.stg")
    assert main(["protect", "index", *records, "--key", other, "-o", target]) == 8
    assert "not made with this key" in capsys.readouterr().err
    assert main(["protect", "index", FACE, "--key", key, "-o", target]) == 4
    assert main(["protect", "index", "none", "--key", key, "-o", target]) == 11
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_names_the_index(records, key, tmp_path, capsys, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "x.stg"
    assert main(["protect", "index", *records, "--key", key, "-o", str(target)]) == 11
    assert capsys.readouterr().err == f"stc: error: {target}: No space left on device\n"
    assert list((tmp_path / "out").iterdir()) == []


def test_another_key_and_damage(index, key, tmp_path, capsys):
    other = str(tmp_path / "other")
    main(["protect", "-q", "keygen", "-o", other])
    assert main(["protect", "match", FACE, index, "--key", other, "--head", "plain"]) == 8
    assert "index was not made with this key" in capsys.readouterr().err
    data = bytearray(Path(index).read_bytes())
    data[-40] ^= 1
    Path(index).write_bytes(data)
    assert main(["protect", "match", FACE, index, "--key", key, "--head", "plain"]) == 4
    assert "of the index was changed" in capsys.readouterr().err


def test_an_index_is_not_written_over_what_it_is_made_from(records, key, tmp_path, capsys):
    (tmp_path / "link").symlink_to(records[1])
    for target in (*records, key, str(tmp_path / "link")):
        before = Path(target).read_bytes()
        words = ["index", *records, "--key", key, "-o", target, "--force"]
        assert main(["protect", *words]) == 2
        assert "is both input and output" in capsys.readouterr().err
        assert Path(target).read_bytes() == before


def test_an_index_that_is_overwritten_keeps_its_permissions_and_links(
    index, records, key, tmp_path
):
    before = Path(index).read_bytes()
    Path(index).chmod(0o640)
    (tmp_path / "link").symlink_to(index)
    words = ["index", *records, "--key", key, "-o", str(tmp_path / "link"), "--force"]
    assert main(["protect", *words]) == 0
    assert (tmp_path / "link").is_symlink()
    assert Path(index).read_bytes() != before
    assert Path(index).stat().st_mode & 0o777 == 0o640
