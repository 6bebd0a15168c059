"""Canvases <-> tokens <-> canvases, and the model file; see `codec` for the class `Codec`.

* codec, cache: a model on a device, and those that are kept loaded
* engine: what computes, on the CPU (`tokenizer`, `level`) or in torch (the room `torch`)
* core: products and the decoder network, native (`native_core`) or in numpy (`portable`)
* model_file: weights by name or fingerprint, checked as they are read
* info: what a file says of itself
"""
