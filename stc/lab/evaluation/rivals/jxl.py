"""JPEG XL, by libjxl through the plug-in pillow-jxl-plugin."""

from __future__ import annotations

from PIL import Image

from stc.lab.evaluation.rivals.search import save

_SIGNATURE = 2


class Jxl:
    """Lossy JPEG XL (VarDCT), at effort 7 for the search and 9 for the closer one.

    The file counted is a codestream without a container already. Without headers: less its
    signature; the rest of the header is no whole number of bytes and cannot be cut off.
    """

    name = "jxl"
    qualities = (1, 4, 8, 13, 18, 24, 31, 39, 48, 58, 69, 80, 92)

    def __init__(self) -> None:
        import pillow_jxl  # noqa: F401 - importing it is what makes Pillow know the format

    def encode(self, picture: Image.Image, quality: int, thorough: bool) -> tuple[bytes, int]:
        effort = 9 if thorough else 7
        data = save(
            picture, "JXL", quality=quality, effort=effort, use_container=False, num_threads=1
        )
        return data, len(data) - _SIGNATURE
