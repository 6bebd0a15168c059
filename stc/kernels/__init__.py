"""Nearest-codeword search: the cheapest codeword of every token, on numpy arrays.

`definition` says what is computed, `native` and `numpy_search` compute it, `registry` is the table
of who can. `stc.kernels.torch` is the same for torch's tensors, on any device; nothing outside it
and `stc.kernels.triton` imports torch.
"""

from stc.kernels.dispatch import search
from stc.kernels.prepared import PreparedCodebooks
from stc.kernels.registry import backends

__all__ = ["PreparedCodebooks", "backends", "search"]
