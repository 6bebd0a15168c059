"""Nearest-codeword search over every token in every group."""

from stc.kernels.nearest import Nearest, search

__all__ = ["Nearest", "search"]
