"""The core in C++, called through ctypes; `why` says why there is none, or is ""."""

from stc.codec.native.core import NativeCore
from stc.codec.native.library import available, why

__all__ = ["NativeCore", "available", "why"]
