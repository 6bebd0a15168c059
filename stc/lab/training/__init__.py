"""Trains models, the shipped one and others: docs/training.md and `stc train --help`."""
