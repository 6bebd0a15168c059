"""Trains models, the shipped ones and others: docs/training.md and `stc train --help`."""
