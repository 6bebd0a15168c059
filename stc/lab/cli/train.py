"""`stc train`: a folder of faces -> a model, stage by stage."""

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
aligned 128x128 faces, or the faces.npy that an earlier run made of one. Kill a run at any time and
start it again with the same command: it goes on where it was.

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
        help="faces -> model",
        description="Train a model by a configuration, all of its stages or one.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", nargs="?", metavar="CONFIG", help="shipped name, or a TOML file")
    parser.add_argument("--list", action="store_true", help="show the shipped configurations")
    parser.add_argument("--data", type=Path, metavar="DIR", help="faces to learn from")
    parser.add_argument("--run", dest="folder", type=Path, metavar="DIR", help="work here; resumes")
    parser.add_argument("--only", metavar="STAGE", help="one stage; those before it are finished")
    parser.add_argument("--steps", type=int, metavar="N", help="of the one stage, or of each")
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one value of the configuration, such as decoder.rate=1e-4",
    )
    parser.add_argument("--base", type=Path, metavar="DIR", help="run to share the base stage of")
    parser.add_argument(
        "--recogniser",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="ONNX file, ArcFace-style or of 224 px; several are better judges than one",
    )
    parser.add_argument("--lpips", type=Path, metavar="FILE", help="LPIPS weights, safetensors")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="model file that `export` writes"
    )
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser


def run(options: argparse.Namespace) -> int:
    """Train, or list what could be trained."""
    with needs_lab():
        return show_configs() if options.list else run_stages(options)


def run_stages(options: argparse.Namespace) -> int:
    """Train what the options name."""
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
    """Print the shipped configurations, a line each."""
    from stc.lab.training import configs

    names = configs.shipped()
    width = max(map(len, names))
    for name in names:
        print(f"{name:{width}}  {configs.read(name).get('about', '')}")
    return 0


def read_config(options: argparse.Namespace) -> TokenizerRun | LevelsRun:
    """The configuration with the changes of the command line."""
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
