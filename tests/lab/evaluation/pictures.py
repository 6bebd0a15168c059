"""Small files of faces for the tests."""

import io
import tarfile

from PIL import Image


def encoded(pixels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def write_tar(path, pictures):
    """Pictures by name -> a tar file."""
    with tarfile.open(path, "w") as tar:
        for name, pixels in pictures.items():
            data = encoded(pixels)
            member = tarfile.TarInfo(f"{name}.png")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
