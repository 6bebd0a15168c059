"""Measures faces at 256 pixels: the upscaler's picture against the enlarged one of 128 pixels.

    python -m stc.lab.evaluation.large FOLDER --lpips FILE [--judge dlib] [-n 90] [--bytes N,N]

FOLDER contains the tar files of a training configuration, and the same faces at 256 pixels in files
SET_256.tar. Only faces that the configuration holds out of training are measured. The output is a
table in Markdown: LPIPS and PSNR at 256 pixels; the judge's cosine between original and picture,
both at half their size; the detail, which is the RMS of the part of a picture that 128 pixels
cannot represent, relative to the original's: 1 is natural, less is blurred, more is noise; and the
mesh, which is the RMS of what repeats every 4 pixels, also relative: above 1 it is a fault. +- is
one standard error of the difference to the line above, over faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from stc.canvas import CANVAS
from stc.codec.codec import Codec
from stc.codec.planes import LARGE
from stc.lab.evaluation.judges import Judge, open_judge
from stc.lab.evaluation.metrics import cosines
from stc.lab.evaluation.perceptual import lpips
from stc.lab.training.config import LevelsRun, load
from stc.lab.training.losses import lattice_error
from stc.lab.training.upscaling import Portraits
from stc.recognition.base import Faces

Figures = dict[str, npt.NDArray[np.float64]]


def resized(faces: Faces, side: int, filter_: Image.Resampling) -> Faces:
    """Resample faces uint8 [N, H, H, 3] -> uint8 [N, side, side, 3]."""
    return np.stack([np.asarray(Image.fromarray(f).resize((side, side), filter_)) for f in faces])


def detail(faces: Faces) -> npt.NDArray[np.float64]:
    """RMS, in grey levels, of the part that 128 pixels cannot represent, [N].

    faces: uint8 [N, 256, 256, 3].
    """
    low = resized(faces, CANVAS, Image.Resampling.LANCZOS)
    smooth = resized(low, LARGE, Image.Resampling.BICUBIC).astype(np.float64)
    found: npt.NDArray[np.float64] = np.sqrt(np.square(faces - smooth).mean((1, 2, 3)))
    return found


def mesh(faces: Faces) -> npt.NDArray[np.float64]:
    """RMS, in grey levels, of the fine pattern that repeats every 4 pixels over 128 pixels, [N].

    faces: uint8 [N, 256, 256, 3].
    """
    pixels = torch.from_numpy(faces).permute(0, 3, 1, 2).double()
    found: npt.NDArray[np.float64] = lattice_error(pixels, tile=CANVAS).sqrt().numpy()
    return found


def measure(originals: Faces, drawn: Faces, weights: Path, judge: Judge | None) -> Figures:
    """LPIPS, PSNR, detail, mesh and the judge's cosine of decoded faces, [N] each, by name.

    originals, drawn: uint8 [N, 256, 256, 3]. weights: the file of LPIPS.
    """
    error = np.square(originals.astype(np.float64) - drawn).mean((1, 2, 3))
    found = {
        "LPIPS": lpips(originals, drawn, weights),
        "PSNR": 10 * np.log10(255**2 / error.clip(1e-3)),
        "detail": detail(drawn) / detail(originals),
        "mesh": mesh(drawn) / mesh(originals),
    }
    if judge is not None:
        halves = [resized(f, CANVAS, Image.Resampling.BOX) for f in (originals, drawn)]
        found[judge.name] = cosines(*(judge.embed(half) for half in halves))
    return found


def line(name: str, figures: Figures, before: Figures | None) -> str:
    """A row of the table: means, and if `before` is given, standard errors of the differences."""
    cells = []
    for key, values in figures.items():
        cell = f"{values.mean():.3f}"
        if before is not None:
            difference = values - before[key]
            cell += f" ± {difference.std(ddof=1) / len(difference) ** 0.5:.3f}"
        cells.append(cell)
    return f"| {name} | {' | '.join(cells)} |"


def report(
    portraits: Portraits,
    codec: Codec,
    sizes: list[int],
    weights: Path,
    judge: Judge | None,
    say: Callable[[str], None],
) -> None:
    """Measure faces at all sizes (in bytes), and pass the table to `say`, line by line."""
    originals = np.ascontiguousarray(portraits.large[..., :3])
    canvases = np.ascontiguousarray(portraits.canvases[..., :3])
    for number, size in enumerate(sizes):
        files = [one.unwrap().data for one in codec.encode_batch(canvases, max_bytes=size)]
        small = resized(codec.decode_batch(files), LARGE, Image.Resampling.LANCZOS)
        plain = measure(originals, small, weights, judge)
        if number == 0:
            say(f"{len(originals)} faces\n\n| bytes, drawn | {' | '.join(plain)} |")
            say(f"|---|{'---|' * len(plain)}")
        say(line(f"{size}, 128 px enlarged", plain, None))
        large = measure(originals, codec.decode_batch(files, large=True), weights, judge)
        say(line(f"{size}, 256 px", large, plain))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; arguments: those of the process if None."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lpips", type=Path, required=True, metavar="FILE")
    parser.add_argument("--config", default="stc-open-1", help="which faces are held out")
    parser.add_argument("--model", help="another model than the default")
    parser.add_argument("--judge", help="dlib, or NAME=FILE.onnx")
    parser.add_argument("--bytes", default="48,96,192", metavar="N,N")
    parser.add_argument("-n", "--number", type=int, default=90, help="of faces, at most")
    options = parser.parse_args(arguments)
    config = load(options.config)
    if not isinstance(config, LevelsRun):
        parser.error(f"{options.config} is not a configuration of the model that ships")
    portraits = Portraits.read(options.folder, config.data).validation(options.number)
    judge = None if options.judge is None else open_judge(options.judge)
    sizes = [int(size) for size in options.bytes.split(",")]
    report(portraits, Codec(options.model), sizes, options.lpips, judge, print)


if __name__ == "__main__":
    main()
