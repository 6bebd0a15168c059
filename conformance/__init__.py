"""The specification of STC, its vectors, and the runner that holds a decoder to them.

    python -m conformance COMMAND     # a table of what a decoder passes
    python -m conformance.make        # vectors and results, made again for the models at hand

README.md is where to begin. Nothing of this is installed with the package.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
VECTORS = FOLDER / "vectors"
