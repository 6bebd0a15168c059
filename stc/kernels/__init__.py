"""Nearest-codeword search over every token in every group, and its inverse."""

from stc.kernels.dispatch import backends, choose, search
from stc.kernels.nearest import Nearest
from stc.kernels.packed import PackedCodebooks, gather
from stc.kernels.prepared import PreparedCodebooks

__all__ = [
    "Nearest",
    "PackedCodebooks",
    "PreparedCodebooks",
    "backends",
    "choose",
    "gather",
    "search",
]
