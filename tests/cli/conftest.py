"""A file to work on."""

import pytest


@pytest.fixture
def path(face_file, tmp_path):
    path = tmp_path / "face.stc"
    path.write_bytes(face_file)
    return path
