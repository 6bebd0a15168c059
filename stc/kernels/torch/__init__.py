"""Nearest-codeword search over every token in every group, and its inverse."""

from stc.kernels.torch.dispatch import backends, choose, search
from stc.kernels.torch.nearest import Nearest
from stc.kernels.torch.packed import PackedCodebooks, gather
from stc.kernels.torch.prepared import PreparedCodebooks

__all__ = [
    "Nearest",
    "PackedCodebooks",
    "PreparedCodebooks",
    "backends",
    "choose",
    "gather",
    "search",
]
