"""The fuzzers run on Linux only, as atheris does."""

import sys

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]
