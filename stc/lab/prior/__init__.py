"""Measures what an autoregressive entropy model of tokens would save: `python -m stc.lab.prior`.

Files code every token with a static PMF. If tokens depend on each other, an entropy model that
conditions each token on the tokens before it (a prior) needs fewer bits.
"""
