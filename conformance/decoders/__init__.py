"""Decoders in the form that the runner takes."""
