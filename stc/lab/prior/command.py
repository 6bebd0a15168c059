"""The command line of the experiment."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from stc.codec.model_file import open_model
from stc.codec.torch.load import load_modules
from stc.lab.prior.comparison import as_markdown
from stc.lab.prior.experiment import measure
from stc.lab.training.data import load_faces, read_tar

DESCRIPTION = """Measure what an autoregressive entropy prior over the tokens of a model would save.

Tokens of the training faces that fill the canvas, and with a small weight of a quarter of the
others, train an additive context network (NADE, arXiv 1605.02226) in floating point; every 20th
face is held out. A codec must decode alike on all machines and so needs integer weights: what the
network saves here is the most that its integer version could. It is set against static rows counted
on the faces that fill the canvas, in bits a token on those held out, over the first tokens that a
192-byte file holds (all but 1 % of them), and in bytes on the faces of an evaluation tar: files of
as many tokens as fit without the prior. Sizes are ideal code lengths in whole bytes, with header
and checksum. About ten minutes on one core.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m stc.lab.prior",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of tar files, or .npy")
    parser.add_argument("--faces", type=Path, required=True, help="tar file to measure on")
    parser.add_argument("--limit", type=int, help="at most so many of its faces, the first")
    parser.add_argument("--model", help="name or path; the default model if left out")
    parser.add_argument("--epochs", type=int, default=6, help="over the faces (default 6)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default 0)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="CSV file; faces.npy is kept beside it"
    )
    options = parser.parse_args(arguments)

    torch.manual_seed(options.seed)
    if options.data.suffix == ".npy":
        faces = np.load(options.data, mmap_mode="r")
    else:
        faces = load_faces(options.data, options.output.with_name("faces.npy"))
    pictures = np.stack(list(islice(read_tar(options.faces), options.limit)))
    try:
        tokenizer, _ = load_modules(open_model(options.model))
        rows = measure(tokenizer, faces, pictures, options.epochs)
    except ValueError as error:
        parser.error(str(error))
    with options.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    print(as_markdown(rows))
