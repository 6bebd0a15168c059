"""`python -m stc`: the same as the command `stc`."""

from stc.cli.main import main

raise SystemExit(main())
