"""Face-recognition models, fully trained: canvas faces -> embeddings and last feature maps.

`opening.open_recogniser` opens a model by its name. Template protection and the evaluation in
`stc.lab` use this package; it depends on neither.
"""
