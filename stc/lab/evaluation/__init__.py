"""Evaluation of codecs: face verification after compression, measured by recognition models."""
