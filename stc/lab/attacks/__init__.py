"""The proof of `stc.protection`: accuracy, and attacks with the key secret and with the key stolen.

`run.py` does it all; docs/protection-security.md says what the figures mean.
"""
