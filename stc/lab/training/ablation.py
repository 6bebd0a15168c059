"""`python -m stc.lab.training.ablation`: do groups and tokens of their own pay? One table, one command.

Every row is a shipped configuration `ablation/SIZE-NAME`. All rows of a size share one base
tokeniser and have equal data, steps and stages; stage `decoder` starts from the same decoder.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from stc.lab.tokenizers.quantizer import codebook_use, group_use
from stc.errors import StcError
from stc.lab.evaluation.judges import Dlib, Judge
from stc.lab.evaluation.pictures import read_faces
from stc.lab.evaluation.summary import quality, verify
from stc.lab.evaluation.verification import Pairs, read_pairs
from stc.lab.training import configs
from stc.lab.training.ablation_report import report
from stc.lab.training.config import TokenizerRun, load
from stc.lab.training.latents import Latents, latents_of
from stc.lab.training.launch import launcher
from stc.lab.training.run import write_text
from stc.lab.training.stages import Sources, train
from stc.lab.training.system import System

DESCRIPTION = """Train and measure every row of the ablation, and write its tables and its plot.

Kill it at any time and start it again with the same command: finished rows are kept as JSON in
RUN/results, and one that was begun goes on where it was. --steps-scale makes all of it cheaper;
--workers, as many as there are cores, is the quickest way on a machine without a GPU.
"""

PREFIX = "ablation/"
# The two ends of the comparison, which are repeated with other seeds.
ENDS, SEEDS = ("global", "both-16-exhaustive"), 3
TRAINING_SAMPLE = 8192  # training faces for the use of codebooks and the error on known faces


@dataclass(frozen=True)
class Row:
    """One configuration with one seed."""

    size: str  # bytes, as in the configuration's name
    name: str
    seed: int
    config: TokenizerRun

    @property
    def key(self) -> str:
        return f"{self.size}-{self.name}-{self.seed}"


@dataclass(frozen=True)
class Evaluation:
    """Faces that no row was trained on, and who judges."""

    pairs: Pairs
    source: npt.NDArray[np.uint8]  # [N, 128, 128, 3]
    judge: Judge | None  # dlib's, if None
    plain: npt.NDArray[np.float32]  # the judge's opinion of the source
    lpips: Path | None


def rows(scale: float, names: Sequence[str] = ()) -> list[Row]:
    """Every row, cheapest first within a size; names picks some by the end of their name.

    Raises StcError for a name that fits no row.
    """
    found = []
    for name in configs.shipped():
        if not name.startswith(PREFIX):
            continue
        size, _, short = name.removeprefix(PREFIX).partition("-")
        if names and not {f"{size}-{short}", short} & set(names):
            continue
        for seed in range(SEEDS if short in ENDS else 1):
            config = load(name, _scaled(name, scale, seed))
            if isinstance(config, TokenizerRun):
                found.append(Row(size, short, seed, config))
    if not found:
        raise StcError(f"no row of the ablation is called {', '.join(names)}")
    return sorted(found, key=lambda r: (int(r.size), r.seed, r.config.arrangement.groups, r.name))


def _scaled(name: str, scale: float, seed: int) -> dict[str, Any]:
    """Changes that give every stage `scale` times its steps."""
    changes: dict[str, Any] = {"seed": seed}
    for stage, plan in configs.read(name).items():
        if isinstance(plan, dict) and "steps" in plan:
            changes[stage] = {"steps": max(1, round(plan["steps"] * scale))}
    return changes


def run_row(row: Row, sources: Sources, folder: Path, evaluation: Evaluation) -> dict[str, Any]:
    """Train and measure one row, in `folder`; what is finished there is not done again."""
    kept = folder / "results" / f"{row.key}.json"
    if kept.exists():
        known: dict[str, Any] = json.loads(kept.read_text())
        return known
    base = folder / f"base-{row.size}"
    system = train(row.config, sources, folder / "rows" / row.key, base=base).cpu()
    latents: Latents = np.load(base / "latents.npy", mmap_mode="r")
    arrangement = row.config.arrangement
    figures: dict[str, Any] = {
        "size": row.size,
        "name": row.name,
        "seed": row.seed,
        "about": row.config.about,
        "groups": arrangement.groups,
        "routing": row.config.routing,
        "bits": arrangement.bits(system.tokenizer.tokens),
        # Stage `base` is made once for all rows of a size.
        "steps": {s: getattr(row.config, s).steps for s in row.config.stages[1:]},
        **codebook_figures(system, latents, row.config.held_out),
        **routing_milliseconds(system, latents),
    }
    figures |= picture_figures(system, evaluation, kept.with_suffix(".npy"))
    write_text(kept, json.dumps(figures, indent=1))
    return figures


def run_base(row: Row, sources: Sources, folder: Path) -> None:
    """Train the base tokeniser that a row shares with all of its size, and code the faces."""
    home = folder / f"base-{row.size}"
    system = train(row.config, sources, home, only="base")
    faces = sources.faces(home / "faces.npy")
    latents_of(system, faces, home / "latents.npy", launcher(row.config.precision))


def run_rows(
    todo: list[Row], sources: Sources, options: argparse.Namespace, evaluation: Evaluation
) -> None:
    """The base tokenisers, then all rows; in several processes of one thread each if asked."""
    firsts = list({row.size: row for row in reversed(todo)}.values())
    if options.workers == 1:
        for row in firsts:
            run_base(row, sources, options.run)
        for row in tqdm(todo, desc="rows"):
            run_row(row, sources, options.run, evaluation)
        return
    # A judge that was loaded cannot travel to another process: each loads its own.
    bare = dataclasses.replace(evaluation, judge=None)
    own = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, own, torch.set_num_threads, (1,)) as pool:
        for job in [pool.submit(run_base, row, sources, options.run) for row in firsts]:
            job.result()
        jobs = [pool.submit(run_row, row, sources, options.run, bare) for row in todo]
        for job in tqdm(jobs, desc="rows"):
            job.result()


@torch.inference_mode()
def codebook_figures(system: System, latents: Latents, held_out: int) -> dict[str, float]:
    """Use of codebooks and groups, and the error on training and on held-out faces."""
    arrangement = system.quantizer.arrangement
    every = np.arange(latents.shape[1])
    training = np.delete(every, slice(None, None, held_out))[
        :: max(1, len(every) // TRAINING_SAMPLE)
    ]
    sets = {"training": training, "held_out": every[::held_out]}
    figures = {}
    for name, chosen in sets.items():
        z = torch.from_numpy(latents[:, chosen]).flatten(0, 1).float()
        parts = [system.quantizer.encode(part, system.route(part)) for part in z.split(1024)]
        groups, indices = (torch.cat(x) for x in zip(*parts, strict=True))
        error = (z - system.quantizer.decode(groups, indices)).square().mean()
        figures[f"error_{name}"] = float(error / z.var(0).mean())
        if name == "training":
            use = codebook_use(indices, groups, arrangement)
            live = use.share[use.share.sum(1) > 0]
            figures["codewords_used"] = float(live.mean())
            figures["groups_used"] = float(group_use(groups, arrangement).perplexity)
    return figures


@torch.inference_mode()
def routing_milliseconds(system: System, latents: Latents, images: int = 64) -> dict[str, float]:
    """Milliseconds an image to quantise it with the groups tried in turn, and with the router's."""
    z = torch.from_numpy(np.array(latents[0, :images])).float()
    system.quantizer.prepare()

    def learned() -> None:
        system.quantizer.encode(z, system.route(z))

    figures = {"exhaustive_ms": _milliseconds(lambda: system.quantizer.encode(z)) / len(z)}
    if system.router is not None:
        figures["learned_ms"] = _milliseconds(learned) / len(z)
    return figures


def _milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


@torch.inference_mode()
def picture_figures(system: System, evaluation: Evaluation, cosines: Path) -> dict[str, float]:
    """PSNR, LPIPS, identity cosine and verification; the cosine of every face goes to a file."""
    parts = []
    for start in tqdm(range(0, len(evaluation.source), 64), desc="evaluation", leave=False):
        rgb = _to_tensor(evaluation.source[start : start + 64])
        decoded = system.decode(*system.encode(rgb)).permute(0, 2, 3, 1)
        parts.append((decoded * 255).round().byte().contiguous().numpy())  # dlib reads no other
    faces = np.concatenate(parts)
    judge = evaluation.judge or Dlib()
    told = judge.embed(faces)
    own = (told * evaluation.plain).sum(1)
    own /= np.linalg.norm(told, axis=1) * np.linalg.norm(evaluation.plain, axis=1)
    cosines.parent.mkdir(parents=True, exist_ok=True)
    np.save(cosines, own.astype(np.float32))
    return {
        **quality(evaluation.source, faces, evaluation.lpips),
        **verify(judge, evaluation.pairs, evaluation.plain, told),
        "pairs": len(evaluation.pairs.same),
        "cosine +-": float(own.std() / np.sqrt(len(own))),
    }


def _to_tensor(faces: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m stc.lab.training.ablation",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of tar files, or .npy")
    parser.add_argument("--run", type=Path, required=True, help="folder to work and resume in")
    parser.add_argument("--recogniser", type=Path, help="ArcFace-style ONNX file, for the loss")
    parser.add_argument("--lpips", type=Path, help="LPIPS weights, safetensors")
    parser.add_argument("--faces", type=Path, required=True, help="tar file to measure on")
    parser.add_argument("--pairs", type=Path, required=True, help="list in the form of LFW's")
    parser.add_argument("--limit", type=int, default=600, help="pairs, sampled evenly")
    parser.add_argument("--steps-scale", type=float, default=1.0, help="of every stage's steps")
    parser.add_argument("--rows", nargs="*", default=[], metavar="NAME", help="only these")
    parser.add_argument("--workers", type=int, default=1, help="rows at once, in processes")
    parser.add_argument("--report", action="store_true", help="write the page from finished rows")
    parser.add_argument("-o", "--output", type=Path, required=True, help="page, docs/ablation.md")
    options = parser.parse_args(arguments)

    results = options.run / "results"
    if not options.report:
        data, cache = options.data, options.run / "faces.npy"
        if data.is_dir():
            cache.parent.mkdir(parents=True, exist_ok=True)
            Sources(data).faces(cache)
            data = cache  # one copy of the faces serves all rows
        sources = Sources(data, options.recogniser, options.lpips)
        pairs = read_pairs(options.pairs).take(options.limit)
        source = read_faces(options.faces, pairs.names)
        judge = Dlib()
        evaluation = Evaluation(pairs, source, judge, judge.embed(source), options.lpips)
        results.mkdir(parents=True, exist_ok=True)
        plain = verify(judge, pairs, evaluation.plain, evaluation.plain)
        write_text(results / "originals.json", json.dumps(plain))
        run_rows(rows(options.steps_scale, options.rows), sources, options, evaluation)
    report(results, options.output)
    print(options.output)


if __name__ == "__main__":
    try:
        main()
    except StcError as error:
        sys.exit(f"error: {error}")
