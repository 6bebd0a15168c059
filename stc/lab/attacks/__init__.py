"""Evaluation of `stc.protection`: accuracy, and attacks with a secret and with a stolen key.

`run.py` runs everything. docs/protection-results.md has the results, docs/protection-security.md
explains them.
"""
