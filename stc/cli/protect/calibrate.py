"""`stc protect calibrate`: pictures of known people -> the scores of impostor and mated pairs."""

from __future__ import annotations

import argparse
import logging
import os
import re
from pathlib import Path
from typing import Any

from stc.cli.files import add_force, check_apart, check_target, is_stdout
from stc.cli.printing import shown
from stc.cli.protect.common import (
    add_extractor,
    add_protection,
    new_parser,
    open_extractor,
    template_of,
)
from stc.cli.writing import write_atomically
from stc.errors import FaceError, ImageError, StcError

_NUMBERED = re.compile(r"(.*[^-_ ])[-_ ]+\d+")

_log = logging.getLogger(__name__)


def add_parser(verbs: Any) -> None:
    """Add `stc protect calibrate` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "calibrate",
        "compute the scores of impostor and mated pairs from pictures of known people",
        epilog="The folder of a picture is the name of the person. Directly in FACES, the name of "
        "the\npicture without a number at its end is (anna_1.jpg, anna_2.jpg). Give the options "
        "that the\nrecords have: scores are valid for one recogniser, head, alpha, drop and number "
        "of bits. The\nfile has counts of scores, no names and no faces. --fmr of match and renew "
        "needs it.\n\n"
        "example:\n  stc protect calibrate people/ -o scores.json",
    )
    parser.add_argument("faces", type=Path, metavar="FACES", help="folder of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="SCORES", help="JSON file")
    add_force(parser)
    add_extractor(parser)
    add_protection(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the scores, and print the impostor pairs with the highest scores -> 0.

    Raises StcError, OSError.
    """
    import numpy as np
    from tqdm import tqdm

    from stc.protection.calibration import calibrate
    from stc.protection.threshold import lowest_rate

    check_target(options.output, force=options.force)
    pictures = list_pictures(options.faces)
    for path, _ in pictures:
        check_apart(str(path), options.output)
    extractor = open_extractor(options)
    features, weights, shows = [], [], []
    quiet = True if options.quiet else None
    for path, person in tqdm(pictures, desc="calibrate", unit="face", disable=quiet):
        try:
            template = template_of(str(path), extractor, options)
        except (FaceError, ImageError) as error:
            _log.warning("%s", shown(f"{path} is left out: {error}"))
            continue
        features.append(template.features)
        weights.append(template.weights)
        shows.append((path, person))
    if len({person for _, person in shows}) < 2:
        raise StcError(f"{options.faces} needs faces of two or more people with different names")
    found, alike = calibrate(
        np.stack(features),
        np.stack(weights),
        [person for _, person in shows],
        alpha=options.alpha,
        drop=options.drop,
        bits=options.bits,
        maker=extractor.maker,
    )
    write_atomically(options.output, found.to_json().encode(), force=options.force)
    if options.quiet or is_stdout(options.output):
        return 0
    pairs = found.impostor.pairs
    mated = "no mated pairs" if found.mated is None else f"{found.mated.pairs} mated pairs"
    print(
        shown(
            f"{options.output}: {found.pictures} pictures of {found.people} people, {pairs} "
            f"impostor pairs, {mated}; supports false match rates of {lowest_rate(pairs):.2g} "
            "and above"
        )
    )
    print("impostor pairs with the highest scores; check that they show different people:")
    for one in alike:
        names = (shown(str(shows[place][0])) for place in (one.first, one.second))
        print(f"{one.score:.4f}", *names, sep="\t")
    return 0


def list_pictures(folder: Path) -> list[tuple[Path, str]]:
    """The pictures below a folder and the name of the person in each, without hidden files.

    Raises StcError if `folder` is no folder.
    """
    if not folder.is_dir():
        raise StcError(f"{folder} is not a folder")
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        parts = Path(place).relative_to(folder).parts
        for name in sorted(files):
            if not name.startswith("."):
                path = Path(place) / name
                found.append((path, parts[0] if parts else person_of(path.stem)))
    return found


def person_of(stem: str) -> str:
    """A picture's name without the number at its end; unchanged if it is only a number."""
    numbered = _NUMBERED.fullmatch(stem)
    return numbered[1] if numbered else stem
