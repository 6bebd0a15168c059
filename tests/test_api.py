"""`stc.encode` and `stc.decode`: what they take, and the size of the picture."""

import io

import numpy as np
import pytest

import stc
from stc.settings import MAX_SIZE


@pytest.mark.parametrize("size", [0, -1, MAX_SIZE + 1, 10**6, 2.5, True])
def test_a_size_out_of_range_is_refused_before_anything_is_decoded(size, monkeypatch):
    monkeypatch.setattr("stc.api.codec_of", None)
    with pytest.raises(stc.SettingsError, match=r"size must be (at most 4096|an integer)"):
        stc.decode(b"", size=size)


def test_sizes_of_any_integer_type(face_file):
    assert stc.decode(face_file, size=np.uint8(200)).size == (200, 200)
    assert stc.decode(face_file, size=1).size == (1, 1)


def test_a_file_in_every_form(face_file, tmp_path):
    path = tmp_path / "face.stc"
    path.write_bytes(face_file)
    pixels, found = stc.decode(face_file).tobytes(), stc.info(face_file)
    forms = [
        path,
        str(path),
        io.BytesIO(face_file),
        bytearray(face_file),
        memoryview(face_file),
        np.frombuffer(face_file, np.uint8),
    ]
    for form in forms:
        assert stc.info(form) == found
        if hasattr(form, "seek"):
            form.seek(0)
        assert stc.decode(form).tobytes() == pixels
    with path.open("rb") as file:
        assert stc.decode(file).tobytes() == pixels
    for verb in (stc.decode, stc.info):
        with pytest.raises(FileNotFoundError):
            verb(tmp_path / "none.stc")


@pytest.mark.parametrize("wrong", [None, 5, True, 2.5, [250, 193], {"data": b""}, io.StringIO("x")])
def test_what_is_no_file_is_a_type_error(wrong):
    for verb in (stc.decode, stc.info):
        with pytest.raises(TypeError, match=r"a .stc file (must be bytes|that is open)"):
            verb(wrong)


@pytest.mark.parametrize("wrong", [None, 5, True, 2.5, [[0, 0], [0, 0]], {}, object()])
def test_what_is_no_picture_is_a_type_error(wrong):
    with pytest.raises(TypeError, match="a picture must be a path, bytes"):
        stc.encode(wrong)


def test_a_long_file_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "long.stc"
    with path.open("wb") as file:
        file.write(b"\xfa\xc1")
        file.truncate(1 << 40)
    with pytest.raises(stc.FormatError, match="checksum"):
        stc.decode(path)
