"""Training of the eye, the small recognition model that the encoder uses for synthesis.

`network` is the network, `pruning` makes its initial weights, `distil` trains it, `perception`
adds a perceptual distance, `tape` and `graph` write network and gradient as one ONNX graph, and
`measure` and `ablation` measure its effect.
"""
