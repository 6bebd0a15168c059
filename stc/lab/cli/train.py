"""`stc train`: trains a model on a folder of faces, by the stages of a configuration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.errors import StcError
from stc.lab.extra import needs_lab

if TYPE_CHECKING:
    from stc.lab.training.config import LevelsRun, TokenizerRun

EPILOG = """\
CONFIG is the name of a shipped configuration, or a TOML file. --data is a folder of tar files of
aligned 128x128 faces, or the faces.npy that an earlier run wrote. A run can be stopped at any time:
the same command continues it. docs/training.md explains stages and configurations.

examples:
  stc train --list
  stc train grid --data FACES/ --run RUN/ --recogniser r.onnx --lpips l.safetensors
  stc train grid --data FACES/ --run RUN/ --only shared
  stc train stc-open-1 --data FACES/ --run RUN/ --recogniser r.onnx --recogniser s.onnx ...
  stc train my.toml --data FACES/ --run RUN/ --set seed=1 --set arrangement.groups=4
  accelerate launch --multi_gpu -m stc train grid --data FACES/ --run RUN/ ...
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "train",
        help="train a model",
        description="Train a model: all stages of a configuration, or one of them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "config", nargs="?", metavar="CONFIG", help="name of a configuration, or a TOML file"
    )
    parser.add_argument("--list", action="store_true", help="list the shipped configurations")
    parser.add_argument("--data", type=Path, metavar="DIR", help="training faces")
    parser.add_argument("--run", dest="folder", type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--only", metavar="STAGE", help="run only this stage; earlier ones must be finished"
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="number of steps of the stage, or of each stage"
    )
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one value of the configuration, such as decoder.rate=1e-4",
    )
    parser.add_argument("--base", type=Path, metavar="DIR", help="use the base stage of this run")
    parser.add_argument(
        "--recogniser",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="recognition model, ONNX, of ArcFace's kind or of 224 px; may repeat",
    )
    parser.add_argument("--lpips", type=Path, metavar="FILE", help="LPIPS weights, safetensors")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="model file that `export` writes"
    )
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser


def run(options: argparse.Namespace) -> int:
    """Train, or list the shipped configurations. Returns the exit code; raises StcError."""
    with needs_lab():
        return show_configs() if options.list else run_stages(options)


def run_stages(options: argparse.Namespace) -> int:
    """Train by the options. Returns the exit code; raises StcError."""
    for name, value in (
        ("CONFIG", options.config),
        ("--data", options.data),
        ("--run", options.folder),
    ):
        if value is None:
            options.usage_error(f"{name} is needed, or --list")
    if not options.data.exists():
        raise StcError(f"--data {options.data}: no such folder or file")
    from stc.lab.training.config import TokenizerRun
    from stc.lab.training.levels import train_levels
    from stc.lab.training.stages import Sources, train

    config = read_config(options)
    sources = Sources(options.data, tuple(options.recogniser), options.lpips)
    if isinstance(config, TokenizerRun):
        train(config, sources, options.folder, only=options.only, base=options.base)
        return 0
    output = options.output or options.folder / f"{Path(options.config).stem}.safetensors"
    train_levels(config, sources, options.folder, output=output, only=options.only)
    return 0


def show_configs() -> int:
    """Print the names and descriptions of the shipped configurations; returns the exit code."""
    from stc.lab.training import configs

    names = configs.shipped()
    width = max(map(len, names))
    for name in names:
        print(f"{name:{width}}  {configs.read(name).get('about', '')}")
    return 0


def read_config(options: argparse.Namespace) -> TokenizerRun | LevelsRun:
    """The configuration with the changes of --set and --steps. Raises StcError."""
    from stc.lab.training import configs
    from stc.lab.training.config import load

    changes: dict[str, Any] = {}
    for text in options.changes:
        changes = configs.merge(changes, configs.change(text))
    config = load(options.config, changes)
    if options.steps is not None:
        stages = config.stages if options.only is None else (options.only,)
        for stage in stages:
            plan = getattr(config, stage, None)
            if plan is not None and (options.only is not None or "steps" in vars(plan)):
                changes = configs.merge(changes, {stage: {"steps": options.steps}})
        config = load(options.config, changes)
    return config
