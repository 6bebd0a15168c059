"""`python -m stc.training`: a folder of faces in, a model file out."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from stc.codec.tokenizer import LevelTokenizer
from stc.training.data import load_faces
from stc.training.export import export, whole_views
from stc.training.fit import FitPlan, LevelPlan, fit
from stc.training.networks import Lpips, Recogniser
from stc.training.render import RenderPlan, RenderTrainer

DESCRIPTION = """Build a model from a folder of tar files of 128x128 aligned faces.

Three stages, each kept in the run folder and skipped when it is there:
  1. fit      principal components, a recogniser's metric, codebooks      (fit.pt, 25 minutes)
  2. decoder  the convolutional decoder; from its 3000th step on the quantiser is tuned with it
                                                               (checkpoint.pt, hours; resumes)
  3. export   probability tables and the model file                              (2 minutes)
Kill it at any time and start it again with the same command. The times are for two CPU cores.
metrics.jsonl and sheets/ in the run folder show how it goes.
"""

# (tokens, weight of identity). A 32-byte file holds the first level; from the 128-byte file on
# pixels count for more, and the last two levels spend their bits on fidelity alone.
LEVELS = ((25, 4.4), (32, 4.4), (32, 4.4), (32, 4.4), (64, 3), (64, 1.6), (128, 0), (24, 0))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m stc.training",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of tar files")
    parser.add_argument("--run", type=Path, required=True, help="folder to work and resume in")
    parser.add_argument("--recogniser", type=Path, required=True, help="ArcFace-style ONNX file")
    parser.add_argument("--lpips", type=Path, required=True, help="LPIPS weights, safetensors")
    parser.add_argument("--steps", type=int, default=6000, help="of the decoder, 24 faces each")
    parser.add_argument("--name", default="stc-face-1", help="of the model")
    parser.add_argument("-o", "--output", type=Path, required=True, help="model file to write")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    arguments.run.mkdir(parents=True, exist_ok=True)
    faces = load_faces(arguments.data, arguments.run / "faces.npy")
    recogniser = Recogniser(arguments.recogniser)
    kept, coded = arguments.run / "fit.pt", arguments.run / "components.npy"
    if not kept.exists():
        plan = FitPlan(tuple(LevelPlan(tokens, weight) for tokens, weight in LEVELS))
        tokenizer, components = fit(faces, recogniser, plan)
        np.save(coded, components)
        save_fit(kept, tokenizer)
    tokenizer, components = load_fit(kept), np.load(coded, mmap_mode="r")
    trainer = RenderTrainer(
        tokenizer,
        faces,
        components,
        recogniser,
        Lpips(arguments.lpips),
        RenderPlan(steps=arguments.steps),
        arguments.run,
    )
    trainer.train()
    model = export(
        arguments.output,
        arguments.name,
        trainer.average_tokenizer,
        trainer.average,
        whole_views(faces, components),
    )
    print(f"{model.path}: {model.name}, fingerprint {model.fingerprint[:16]}")


def save_fit(path: Path, tokenizer: LevelTokenizer) -> None:
    """Write a fitted tokeniser, whole or not at all."""
    shapes = [(m.components, m.tokens, m.bits.shape[2], m.dimensions) for m in tokenizer.levels]
    partial = path.with_suffix(".partial")
    torch.save({"state": tokenizer.state_dict(), "shapes": shapes}, partial)
    partial.replace(path)


def load_fit(path: Path) -> LevelTokenizer:
    """Read what `save_fit` wrote; frozen."""
    kept = torch.load(path, weights_only=True)
    tokenizer = LevelTokenizer(kept["state"]["basis"].shape[1], 1, kept["shapes"])
    tokenizer.load_state_dict(kept["state"])
    return tokenizer.eval().requires_grad_(False)


if __name__ == "__main__":
    main()
