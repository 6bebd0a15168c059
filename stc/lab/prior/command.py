"""The command line of the experiment with an autoregressive prior."""

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

DESCRIPTION = """Measure what an autoregressive entropy model (a prior) of tokens would save.

An additive context network (NADE, arXiv 1605.02226) is trained in floating point on the tokens of
the training faces that fill the canvas and, with a small weight, of a quarter of the others; every
20th face is held out. A codec has to decode equally on all machines and so needs integer weights:
the measured saving is an upper bound for an integer network. The baseline is static PMFs counted on
the faces that fill the canvas. Both are compared in bits per token on held-out faces, for the first
N tokens, where N is the 99 % quantile of the number of tokens that fit 192 bytes; and in bytes on
the faces of an evaluation tar file, for the tokens that fit each size without the prior. Sizes are
ideal code lengths rounded up to bytes, with header and checksum. It takes about ten minutes on one
core.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; arguments: those of the process if None."""
    parser = argparse.ArgumentParser(
        prog="python -m stc.lab.prior",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of tar files, or .npy")
    parser.add_argument("--faces", type=Path, required=True, help="tar file to measure on")
    parser.add_argument("--limit", type=int, help="use only the first LIMIT of its faces")
    parser.add_argument("--model", help="name or path; the default model if left out")
    parser.add_argument("--epochs", type=int, default=6, help="over the faces (default 6)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="CSV file; faces.npy is written to its folder",
    )
    options = parser.parse_args(arguments)

    torch.manual_seed(options.seed)
    try:
        if options.data.suffix == ".npy":
            faces = np.load(options.data, mmap_mode="r")
        else:
            faces = load_faces(options.data, options.output.with_name("faces.npy"))
        pictures = np.stack(list(islice(read_tar(options.faces), options.limit)))
        tokenizer, _ = load_modules(open_model(options.model))
        rows = measure(tokenizer, faces, pictures, options.epochs)
    except ValueError as error:
        parser.error(str(error))
    with options.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    print(as_markdown(rows))
