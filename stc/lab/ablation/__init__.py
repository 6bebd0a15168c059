"""Ablation of groups and token-specific codebooks: `python -m stc.lab.ablation`.

Every row of its tables is a shipped configuration `ablation/SIZE-NAME`. All rows of a size share
one base tokenizer and have equal data, steps and stages; stage `decoder` starts from the same
decoder.
"""
