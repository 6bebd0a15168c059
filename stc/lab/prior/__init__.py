"""What an entropy prior over the tokens would save: `python -m stc.lab.prior`.

A file codes every token by a static row of probabilities. A prior that conditions each token on
those before it would code it in fewer bits if tokens depend on one another. This measures how many.
"""
