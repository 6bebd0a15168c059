"""Do groups, and codebooks of one's own for every token, pay? `python -m stc.lab.ablation`.

Every row is a shipped configuration `ablation/SIZE-NAME`. All rows of a size share one base
tokenizer and have equal data, steps and stages; stage `decoder` starts from the same decoder.
"""
