"""Small pictures and tar files for the tests of galleries."""

import io
import tarfile

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from stc.gallery.batch import Encoder

ENCODER = Encoder(align="never", max_bytes=64, effort=0)


def picture(seed, kind="WEBP"):
    """A small random picture, different for every seed."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((128, 128), Image.Resampling.BICUBIC).save(buffer, kind)
    return buffer.getvalue()


def tar_of(members, mode="w", **settings):
    """The bytes of a tar file: {name: content, or (content, attributes of its TarInfo)}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, **settings) as tar:
        for name, content in members.items():
            data, attributes = content if isinstance(content, tuple) else (content, {})
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            for attribute, value in attributes.items():
                setattr(entry, attribute, value)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def link_to(target, kind=tarfile.LNKTYPE):
    """A member for `tar_of` that is a link."""
    return b"", {"type": kind, "linkname": target}


def write_tar(path, members):
    path.write_bytes(tar_of(members))
    return path


def rows(path):
    return pq.read_table(path).to_pylist()
