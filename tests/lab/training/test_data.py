"""Faces from tar files."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from stc.lab.training.data import load_faces, to_tensors


def test_faces_are_read_from_tars_and_kept(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[1, :40, :, 3] = 0
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for i, image in enumerate(pixels):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "WEBP", lossless=True, exact=True)
            member = tarfile.TarInfo(f"{i}.webp")
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)
    (tmp_path / "a_256.tar").write_bytes(b"faces of another size, which are not read")
    faces = load_faces(tmp_path, tmp_path / "faces.npy")
    np.testing.assert_array_equal(faces, pixels)
    (tmp_path / "a.tar").unlink()
    rgb, mask = to_tensors(load_faces(tmp_path, tmp_path / "faces.npy")[:2].copy())
    assert rgb.shape == (2, 3, 128, 128)
    assert mask.mean((1, 2, 3)).tolist() == [1.0, pytest.approx(88 / 128)]
    with pytest.raises(FileNotFoundError, match="no tar files"):
        load_faces(tmp_path, tmp_path / "other.npy")
