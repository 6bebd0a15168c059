"""Base tokenisers: image -> latents [B, T, D] -> image; what is quantised is `quantiser.py`'s."""

from stc.codec.tokenizers.base import BaseTokenizer
from stc.codec.tokenizers.grid import GridConfig, GridTokenizer
from stc.codec.tokenizers.patches import PatchConfig, PatchTokenizer
from stc.codec.tokenizers.sequence import SequenceConfig, SequenceTokenizer

__all__ = [
    "BaseTokenizer",
    "GridConfig",
    "GridTokenizer",
    "PatchConfig",
    "PatchTokenizer",
    "SequenceConfig",
    "SequenceTokenizer",
]
