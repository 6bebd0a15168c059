"""What is compiled: the codec's core and the search, in C++ without any dependency.

`core.cpp` is the range decoder, products with matrices in 8 bits and the convolutional decoder;
`nearest.cpp` is the search for codewords. setup.py builds each as a shared library of plain C
symbols; clang makes WebAssembly of core.cpp. This room loads them and says why one is missing;
whoever calls a function checks what it passes.
"""
