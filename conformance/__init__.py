"""The specification of STC, its test vectors, and the runner that checks a decoder against them.

    python -m conformance COMMAND     # a table of the cases that a decoder passes
    python -m conformance.make        # make vectors and results again, for the available models

Start with README.md. This folder is not installed with the package.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
VECTORS = FOLDER / "vectors"
