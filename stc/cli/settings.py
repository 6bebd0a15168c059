"""Options that several verbs have: the settings of an encoder, the model, the device."""

from __future__ import annotations

import argparse

from stc.cli.numbers import int_in_range, share
from stc.install_hint import install_hint
from stc.settings import DEFAULT_BYTES, DEFAULT_EFFORT, MAX_EFFORT, Settings


def add_settings(parser: argparse.ArgumentParser, effort: int = DEFAULT_EFFORT) -> None:
    """Add an option for each of the `Settings`, and those for model and device.

    effort: what it is if nobody says.
    """
    parser.add_argument(
        "--max-bytes",
        type=int,
        metavar="N",
        help=f"no file is larger; {DEFAULT_BYTES} if nothing else limits it; 32 to 384 make sense",
    )
    parser.add_argument(
        "--stages",
        type=int,
        metavar="S",
        help="encode the first S residual stages of the model, instead of up to a number of bytes",
    )
    parser.add_argument(
        "--min-quality",
        type=share,
        default=0.0,
        metavar="Q",
        help="make no file, exit code 9, that keeps less than this share, 0 to 1, of the identity",
    )
    add_effort(parser, effort)
    add_framing(parser)
    parser.add_argument(
        "--bare",
        action="store_true",
        help="no magic, model or checksum, for a carrier that protects its data; saves 6 bytes",
    )
    add_model(parser)
    add_device(parser)


def add_effort(parser: argparse.ArgumentParser, default: int = DEFAULT_EFFORT) -> None:
    """Add the option for how long to look for tokens."""
    parser.add_argument(
        "--effort",
        type=effort,
        default=default,
        metavar="E",
        help=f"0 to {MAX_EFFORT}: how long to look for the tokens by which the decoded face is "
        "recognised best, in files no larger; 0 takes the nearest, in some 5 ms a face, every step "
        f"up to 6 takes 40 ms more; {default} if not given",
    )


def effort(text: str) -> int:
    """An effort, 0 to 9."""
    return int_in_range(text, 0, MAX_EFFORT)


def add_framing(parser: argparse.ArgumentParser) -> None:
    """Add the options for where in a picture the face is."""
    parser.add_argument(
        "--align",
        choices=("auto", "always", "never"),
        default="auto",
        help="find and align the face: unless it is aligned already (auto), always, or never",
    )
    parser.add_argument(
        "--face",
        choices=("only", "largest"),
        default="only",
        help="of several faces: refuse (only), or take the largest central one",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the model."""
    parser.add_argument("--model", metavar="MODEL", help="shipped model's name, or a model file")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option for the device that computes."""
    parser.add_argument(
        "--device", default="cpu", metavar="D", help=f"cpu, or cuda ({install_hint('cuda')})"
    )


def settings_of(options: argparse.Namespace, max_bytes: int | None = None) -> Settings:
    """The settings that the options give.

    max_bytes: a limit that replaces the option's, if not None.
    Raises SettingsError.
    """
    return Settings(
        max_bytes=options.max_bytes if max_bytes is None else max_bytes,
        stages=options.stages,
        align=options.align,
        face=options.face,
        bare=options.bare,
        min_quality=options.min_quality,
        effort=options.effort,
    )
