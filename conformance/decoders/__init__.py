"""Decoders with the command line that the runner expects."""
