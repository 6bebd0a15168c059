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

MAX_KINDS = 6  # kinds of skipped members that are printed; manifest.csv has all

EPILOG = f"""\
Every tar file IN is encoded as DIR/NAME.parquet, with a row for each picture: key and ending (its
name, split at the first dot), stc, bytes, quality, error, message. A picture that cannot be encoded
gets a row with its error and without a file; the command continues. Members that are no pictures by
ending or first bytes are skipped and counted. DIR/manifest.csv has a line for every shard.

A shard appears complete or not at all. After an interruption, run the same command again: it
continues with the missing shards. A tar file that is damaged, or whose process is killed, gives no
shard, and an error after all other shards are done. An existing shard of other settings, of another
model or of a tar file that has changed is an error. Braces in IN are expanded by the command too.
Needs {install_hint("gallery")}.

Effort 2 has nearly half of the gain of the highest --effort, for about 80 ms a face; effort 0 uses
the nearest codewords, in 5 ms. docs/gallery.md estimates the cost of a hundred million faces.

examples:
  stc encode-shards 'in-{{000..099}}.tar' -o out/
  stc encode-shards in/*.tar -o out/ --max-bytes 96 --face largest
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "encode-shards",
        help="tar files of pictures -> Parquet files",
        description="Encode the faces of many pictures as tables of .stc files, on all cores.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", nargs="+", metavar="IN", help="tar file of pictures")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of shards; existing ones are kept",
    )
    add_settings(parser, GALLERY_EFFORT)
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes; one per core, or one on a GPU"
    )
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Encode all shards, and print the totals -> 0. Raises StcError, OSError."""
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
    """Counts, means and errors of all pictures on one line."""
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
        line += "; skipped " + ", ".join([*kinds, f"{rest} others"] if rest else kinds)
    return line
