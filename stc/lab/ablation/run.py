"""Trains and measures the rows of the ablation, in one process or several."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from stc.gallery.progress import hidden
from stc.gallery.workers import pool
from stc.lab.ablation.figures import (
    Evaluation,
    codebook_figures,
    picture_figures,
    routing_milliseconds,
)
from stc.lab.ablation.rows import Row
from stc.lab.training.latents import Latents, latents_of
from stc.lab.training.launch import launcher
from stc.lab.training.run import write_text
from stc.lab.training.stages import Sources, train


def run_rows(
    todo: Sequence[Row], sources: Sources, folder: Path, evaluation: Evaluation, workers: int
) -> None:
    """Train the base tokenizers, then train and measure all rows, in the folder of the run.

    workers: the number of processes, of one thread each; 1 starts none.
    """
    firsts = list({row.size: row for row in reversed(todo)}.values())
    if workers == 1:
        for row in firsts:
            run_base(row, sources, folder)
        for row in tqdm(todo, desc="rows", disable=hidden()):
            run_row(row, sources, folder, evaluation)
        return
    # A loaded judge cannot be pickled: each process loads its own.
    bare = dataclasses.replace(evaluation, judge=None)
    with pool(workers) as processes:
        for job in [processes.submit(run_base, row, sources, folder) for row in firsts]:
            job.result()
        jobs = [processes.submit(run_row, row, sources, folder, bare) for row in todo]
        for job in tqdm(jobs, desc="rows", disable=hidden()):
            job.result()


def run_base(row: Row, sources: Sources, folder: Path) -> None:
    """Train the base tokenizer of a row's size, and compute the latents of the faces."""
    home = folder / f"base-{row.size}"
    system = train(row.config, sources, home, only="base")
    faces = sources.faces(home / "faces.npy")
    latents_of(system, faces, home / "latents.npy", launcher(row.config.precision))


def run_row(row: Row, sources: Sources, folder: Path, evaluation: Evaluation) -> dict[str, Any]:
    """Train and measure one row in `folder`, unless it is finished; returns its results."""
    kept = folder / "results" / f"{row.key}.json"
    if kept.exists():
        known: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
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
        # Without stage `base`, which all rows of a size share.
        "steps": {s: getattr(row.config, s).steps for s in row.config.stages[1:]},
        **codebook_figures(system, latents, row.config.held_out),
        **routing_milliseconds(system, latents),
    }
    figures |= picture_figures(system, evaluation, kept.with_suffix(".npy"))
    write_text(kept, json.dumps(figures, indent=1))
    return figures
