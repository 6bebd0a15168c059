"""`stc encode-shards`: tar files of pictures -> Parquet files of .stc files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.cli.numbers import positive
from stc.cli.printing import shown
from stc.cli.settings import add_settings, settings_of
from stc.install_hint import install_hint
from stc.settings import GALLERY_EFFORT

if TYPE_CHECKING:
    from stc.gallery.tables import Tally

MAX_KINDS = 6  # of members that were passed over; manifest.csv has all

EPILOG = f"""\
Every IN becomes DIR/NAME.parquet with a row for each picture: key and ending (its name, cut at the
first dot), stc, bytes, quality, error, message. A picture that cannot be coded is a row with its
error and no file, and no reason to fail. What is no picture by its ending or its first bytes is
passed over and counted. DIR/manifest.csv has a line for every shard.

A shard appears complete or not at all. Kill the command at any time and give it again: it goes on
with the shards that are not there. A tar file that is damaged, or whose process is killed, is no
shard and an error once all others are done. A shard of other settings, of another model or of a tar
file that holds something else by now is an error. Braces are expanded here too, for names that no
shell has seen. Needs {install_hint("gallery")}.

Nearly half of what --effort can gain is to be had at effort 2, for some 110 ms a face; 0 takes the
tokens nearest to the face in 5 ms. docs/gallery.md has what a hundred million faces cost.

examples:
  stc encode-shards 'in-{{000..099}}.tar' -o out/
  stc encode-shards in/*.tar -o out/ --max-bytes 96 --face largest
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "encode-shards",
        help="tar files of pictures -> Parquet files",
        description="Put the faces of many pictures into tables of .stc files, on all cores.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", nargs="+", metavar="IN", help="tar file of pictures")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder; resumes"
    )
    add_settings(parser, GALLERY_EFFORT)
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes; one a core, on a GPU one in all"
    )
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Code all shards, and print what became of the pictures."""
    settings = settings_of(options)

    from stc.gallery.batch import Encoder
    from stc.gallery.patterns import expand
    from stc.gallery.shards import encode_shards

    encoder = Encoder(settings, model=options.model, device=options.device)
    sources = [Path(name) for pattern in options.inputs for name in expand(pattern)]
    total = encode_shards(sources, options.output, encoder, options.workers)
    if not options.quiet:
        print(shown(f"{options.output}: {describe(total)}"))
    return 0


def describe(total: Tally) -> str:
    """What became of all pictures, in a line."""
    words = [f"{total.pictures} pictures, {total.faces} faces"]
    size, quality = total.means
    if size is not None:
        words.append(f"{size:.1f} bytes on average")
    if quality is not None:
        words.append(f"quality {quality:.3f}")
    words += [f"{count} {name}" for name, count in total.errors.most_common()]
    line = ", ".join(words)
    if total.passed:
        most = total.passed.most_common(MAX_KINDS)
        kinds = [f"{count} {name}" for name, count in most]
        rest = total.passed.total() - sum(count for _, count in most)
        line += "; passed over " + ", ".join([*kinds, f"{rest} others"] if rest else kinds)
    return line
