"""The compiled code: the codec's core and the search, in C++ without dependencies.

`core.cpp` has the range decoder, products with 8-bit matrices, the convolutional decoder and the
upscaler; `nearest.cpp` has the nearest-codeword search. setup.py builds each as a shared library
with C symbols; clang compiles core.cpp to WebAssembly. This package loads the libraries, or gives
the reason why one is missing. Callers of a function must check its arguments.
"""
