"""Training of the shipped model and of other tokenizers; see docs/training.md."""
