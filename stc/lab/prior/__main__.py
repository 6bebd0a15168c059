"""`python -m stc.lab.prior`."""

import sys

from stc.errors import StcError
from stc.lab.extra import needs_lab

if __name__ == "__main__":
    try:
        with needs_lab():
            from stc.lab.prior.command import main

            main()
    except StcError as error:
        sys.exit(f"error: {error}")
