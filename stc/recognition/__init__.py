"""Face recognisers, run as they are: canvas faces -> embeddings, and the feature map before them.

`opening.open_recogniser` gives the one that a name means. Knows nothing of those who use it:
template protection, and the laboratory's evaluation.
"""
