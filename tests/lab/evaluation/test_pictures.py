"""Pictures of folders and tar files: skipped files are counted."""

import io
import logging
import tarfile
from pathlib import PurePosixPath

import pytest
from PIL import Image

from stc.errors import DataError
from stc.lab.evaluation.pictures import list_pictures


def jpeg():
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in/people").mkdir(parents=True)
    for name in ("a.jpg", "people/b.JFIF", "people/c"):
        (tmp_path / "in" / name).write_bytes(jpeg())
    for name in ("people/d.txt", "e"):
        (tmp_path / "in" / name).write_bytes(b"...")
    return tmp_path / "in"


@pytest.mark.parametrize("packed", [False, True])
def test_pictures_are_known_by_name_or_content(packed, folder, caplog):
    source = folder
    if packed:
        source = folder.with_suffix(".tar")
        with tarfile.open(source, "w") as tar:
            tar.add(folder, ".")
    with caplog.at_level(logging.WARNING, "stc"):
        found = {place: read() for place, read in list_pictures(source)}
    assert sorted(PurePosixPath(place).stem for place in found) == ["a", "b", "c"]
    assert set(found.values()) == {jpeg()}
    assert "skipped 1 .txt, 1 no-ending" in caplog.text.replace(
        "1 no-ending, 1 .txt", "1 .txt, 1 no-ending"
    )


def test_a_damaged_tar_file_is_one_error(folder):
    source = folder / "e"
    with pytest.raises(DataError, match="e is not a complete tar file"):
        list(list_pictures(source))
