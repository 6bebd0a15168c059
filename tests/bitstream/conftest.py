"""The conformance tools are not installed with the package: they are imported from the root."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
