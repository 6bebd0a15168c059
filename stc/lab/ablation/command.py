"""The command line of the ablation."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from stc.lab.ablation.figures import Evaluation
from stc.lab.ablation.report import report
from stc.lab.ablation.rows import rows
from stc.lab.ablation.run import run_rows
from stc.lab.evaluation.pictures import read_faces
from stc.lab.evaluation.summary import verify
from stc.lab.evaluation.verification import read_pairs
from stc.lab.training.run import write_text
from stc.lab.training.stages import Sources
from stc.recognition.dlib import Dlib

DESCRIPTION = """Train and measure every row of the ablation, and write its tables and its plot.

It can be stopped at any time and started again with the same command: finished rows are kept as
JSON in RUN/results, and an unfinished row continues from its checkpoint. --steps-scale reduces the
steps of all stages. Without a GPU, --workers equal to the number of cores is fastest.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; arguments: those of the process if None. Raises StcError."""
    options = parse(arguments)
    results = options.run / "results"
    if not options.report:
        measure(options, results)
    report(results, options.output)
    print(options.output)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m stc.lab.ablation",
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
    return parser.parse_args(arguments)


def measure(options: argparse.Namespace, results: Path) -> None:
    """Train and measure all rows that are not finished yet, into the folder `results`."""
    data, cache = options.data, options.run / "faces.npy"
    if data.is_dir():
        cache.parent.mkdir(parents=True, exist_ok=True)
        Sources(data).faces(cache)
        data = cache  # one copy of the faces serves all rows
    recognisers = () if options.recogniser is None else (options.recogniser,)
    sources = Sources(data, recognisers, options.lpips)
    pairs = read_pairs(options.pairs).take(options.limit)
    source = read_faces(options.faces, pairs.names)
    judge = Dlib()
    evaluation = Evaluation(pairs, source, judge, judge.embed(source), options.lpips)
    results.mkdir(parents=True, exist_ok=True)
    plain = verify(judge, pairs, evaluation.plain, evaluation.plain)
    write_text(results / "originals.json", json.dumps(plain))
    todo = rows(options.steps_scale, options.rows)
    run_rows(todo, sources, options.run, evaluation, options.workers)
