"""Nearest-codeword search over every token in every group."""

from stc.kernels.dispatch import backends, choose, search
from stc.kernels.nearest import Nearest
from stc.kernels.prepared import PreparedCodebooks

__all__ = ["Nearest", "PreparedCodebooks", "backends", "choose", "search"]
