"""The fuzzers are no package that is installed: they are found from the repository's root."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]  # atheris is for Linux
