"""Training, evaluation and attacks.

No other part of the package imports it; the command line finds its verbs by entry points.
"""
