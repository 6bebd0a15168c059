"""`stc encode-shards`: tar files of pictures -> Parquet files of .stc files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.cli.encode import add_choices
from stc.cli.numbers import positive
from stc.errors import StcError

if TYPE_CHECKING:
    from stc.gallery.shards import Tally

EPILOG = """\
Every IN becomes DIR/NAME.parquet with a row for each picture: key and ending (its name, cut at the
first dot), stc, bytes, quality, error, message. A picture that cannot be coded is a row with its
error and no file, and no reason to fail. DIR/manifest.csv has a line for every shard.

A shard appears whole or not at all. Kill the command at any time and give it again: it goes on with
the shards that are not there. Braces are expanded here too, for names that no shell has seen.
Needs pip install 'stc[gallery]'.

examples:
  stc encode-shards 'in-{000..099}.tar' -o out/
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
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--max-bytes", type=int, metavar="N", help="no file is larger; 192 if not given"
    )
    size.add_argument("--level", type=int, metavar="L", help="stop after L levels, 1 the smallest")
    add_choices(parser)
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; one a core")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Code all shards, and print what became of the pictures."""
    from stc.gallery.batch import Encoder
    from stc.gallery.shards import encode_shards, expand

    encoder = Encoder(
        max_bytes=options.max_bytes,
        level=options.level,
        align=options.align,
        face=options.face,
        bare=options.bare,
        model=options.model,
    )
    sources = [Path(name) for pattern in options.inputs for name in expand(pattern)]
    try:
        total = encode_shards(sources, options.output, encoder, options.workers)
    except StcError:
        raise
    except ValueError as error:  # a level that this model does not have
        raise StcError(str(error)) from error
    if not options.quiet:
        print(f"{options.output}: {describe(total)}")
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
    return ", ".join(words)
