"""Nearest-codeword search on numpy arrays: the codeword of least cost for every token.

`definition` defines the result, `native` and `numpy_search` compute it, `registry` is the table of
backends. `stc.kernels.torch` is the same for torch tensors, on any device; only it and
`stc.kernels.triton` import torch.
"""

from stc.kernels.dispatch import search
from stc.kernels.prepared import PreparedCodebooks
from stc.kernels.registry import backends

__all__ = ["PreparedCodebooks", "backends", "search"]
