"""Builds the shipped weights; see `python -m stc.training --help`."""
