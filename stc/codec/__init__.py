"""The codec: canvases to tokens, tokens to canvases, and model files.

* codec, cache: `Codec`, a model on a device; and the cache of loaded codecs
* engine: the computation, on the CPU (`tokenizer`, `level`) or in torch (package `torch`)
* core: matrix products and the decoder network, native (`native_core`) or in numpy (`portable`)
* model_file: weights by name or fingerprint, checked when they are read
* info: the header of a file, without decoding it
"""
