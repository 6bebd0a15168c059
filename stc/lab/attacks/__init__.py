"""The proof of `stc.protection`: accuracy, and attacks with the key secret and with the key stolen.

`run.py` does it all. docs/protection-results.md has the figures, docs/protection-security.md
explains them.
"""
