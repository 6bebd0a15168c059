"""The manual page, from the help of every verb: python docs/make_man.py -o docs/stc.1

Needs pip install argparse-manpage, and the package as a checkout installs it, with no other that
adds verbs.
"""

import argparse
import os
import re
from pathlib import Path

from argparse_manpage.manpage import Manpage

from stc.cli import exit_codes
from stc.cli.main import EXAMPLES, build_parser
from stc.cli.plugins import expand
from stc.version import __version__

FILES = """\
What stc encode, decode, qr and protect enroll read may be -, which is stdin, and what they write
too, which is stdout.  No file is overwritten without --force, and a file that is written appears
complete or not at all.
"""

ENVIRONMENT = """\
STC_CORE (native, portable), STC_BACKEND (native, numpy, triton, torch) and STC_THREADS say what
computes, and on how many cores; stc info --backends shows what there is.
"""


def page() -> str:
    """The whole page in roff."""
    os.environ["COLUMNS"] = "70"  # argparse's lines, which a page indents
    parser = build_parser()
    for verb in expand(parser):
        if verb is not parser and verb.epilog:
            # A page has one epilog; those of the verbs belong to what they do.
            verb.description, verb.epilog = f"{verb.description}\n\n{verb.epilog}", None
    parser.epilog = None
    man = Manpage(
        parser,
        {
            "description": "put a human face into 32 to 400 bytes, and get it back",
            "manual_title": "STC",
            "project_name": "STC",
            "version": __version__,
            "date": __version__,  # no day, which would make every build another file
        },
    )
    codes = (f".TP\n.B {code}\n{what}" for code, what in exit_codes.MEANINGS.items())
    for heading, content in (
        ("files", FILES),
        ("environment", ENVIRONMENT),
        ("exit status", "\n".join(codes) + "\n.PP\nOf many inputs the first that failed decides."),
        ("examples", ".nf\n" + EXAMPLES.rstrip().replace("-", r"\-") + "\n.fi"),
    ):
        man.add_section(heading, ">", content.rstrip())
    # A line of text that begins with a dot, as .stc or .95 do, is none of roff's requests.
    return re.sub(r"^(\.(?!(?:nf|fi)$)(?=[a-z0-9])|')", r"\\&\1", str(man), flags=re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/stc.1"))
    options = parser.parse_args(arguments)
    options.output.write_text(page(), encoding="utf-8")
    print(options.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
