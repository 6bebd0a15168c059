"""JPEG XL, by libjxl through the plug-in pillow-jxl-plugin."""

from __future__ import annotations

from PIL import Image

from stc.lab.evaluation.rivals.search import save

_SIGNATURE = 2


class Jxl:
    """Lossy JPEG XL (VarDCT), at effort 7, or 9 in the thorough search.

    The counted file is a codestream without a container. Without headers, its signature of 2 bytes
    does not count; the rest of the header does not end at a byte boundary and cannot be separated.
    """

    name = "jxl"
    qualities = (1, 4, 8, 13, 18, 24, 31, 39, 48, 58, 69, 80, 92)

    def __init__(self) -> None:
        import pillow_jxl  # noqa: F401 - the import registers the format with Pillow

    def encode(self, picture: Image.Image, quality: int, thorough: bool) -> tuple[bytes, int]:
        """As `Format.encode`."""
        effort = 9 if thorough else 7
        data = save(
            picture, "JXL", quality=quality, effort=effort, use_container=False, num_threads=1
        )
        return data, len(data) - _SIGNATURE
