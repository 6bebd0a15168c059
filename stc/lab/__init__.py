"""Training, evaluation and attacks. No other part of the package imports it, except the CLI."""
