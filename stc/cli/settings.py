"""Options that several verbs have: the settings of an encoder, the model, the device."""

from __future__ import annotations

import argparse

from stc.cli.numbers import share
from stc.settings import DEFAULT_BYTES, Settings


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add an option for each of the `Settings`, and those for model and device."""
    parser.add_argument(
        "--max-bytes",
        type=int,
        metavar="N",
        help=f"no file is larger; {DEFAULT_BYTES} if nothing else limits it; 32 to 384 make sense",
    )
    parser.add_argument(
        "--level", type=int, metavar="L", help="stop after L levels, 1 the smallest"
    )
    parser.add_argument(
        "--min-quality",
        type=share,
        default=0.0,
        metavar="Q",
        help="make no file, exit code 9, that keeps less than this share, 0 to 1, of the identity",
    )
    add_framing(parser)
    parser.add_argument(
        "--bare",
        action="store_true",
        help="no magic, model or checksum, for a carrier that protects its data; saves 6 bytes",
    )
    add_model(parser)
    add_device(parser)


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
        "--device", default="cpu", metavar="D", help="cpu, or cuda (pip install 'stc[cuda]')"
    )


def settings_of(options: argparse.Namespace, max_bytes: int | None = None) -> Settings:
    """The settings that the options give.

    max_bytes: a limit that replaces the option's, if not None.
    Raises SettingsError.
    """
    return Settings(
        max_bytes=options.max_bytes if max_bytes is None else max_bytes,
        level=options.level,
        align=options.align,
        face=options.face,
        bare=options.bare,
        min_quality=options.min_quality,
    )
