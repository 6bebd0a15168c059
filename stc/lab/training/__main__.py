"""`python -m stc.lab.training` is `stc train`."""

import sys

from stc.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
