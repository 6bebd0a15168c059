"""The codec's own recogniser, "the eye", that looks at what is drawn while a face is encoded.

`network` is the network, `pruning` what it starts from, `distil` how it learns, `perception` what
it sees beside identity; `tape` and `graph` write it, with its gradient, as one ONNX graph, and
`measure` says what it is worth.
"""
