"""Base tokenizers, image -> latents [B, T, D] -> image, and the quantizer of their latents."""

from stc.lab.tokenizers.base import BaseTokenizer
from stc.lab.tokenizers.grid import GridConfig, GridTokenizer
from stc.lab.tokenizers.patches import PatchConfig, PatchTokenizer
from stc.lab.tokenizers.sequence import SequenceConfig, SequenceTokenizer

__all__ = [
    "BaseTokenizer",
    "GridConfig",
    "GridTokenizer",
    "PatchConfig",
    "PatchTokenizer",
    "SequenceConfig",
    "SequenceTokenizer",
]
