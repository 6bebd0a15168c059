"""Nearest-codeword search on torch tensors on any device, and the inverse, `gather`."""

from stc.kernels.torch.dispatch import search
from stc.kernels.torch.nearest import Nearest
from stc.kernels.torch.packed import PackedCodebooks, gather
from stc.kernels.torch.prepared import PreparedCodebooks

__all__ = ["Nearest", "PackedCodebooks", "PreparedCodebooks", "gather", "search"]
