"""Options that several verbs have: the settings of an encoder, the model, the device."""

from __future__ import annotations

import argparse

from stc.cli.numbers import int_in_range, share
from stc.install_hint import install_hint
from stc.settings import DEFAULT_BYTES, DEFAULT_EFFORT, MAX_EFFORT, Settings


def add_settings(parser: argparse.ArgumentParser, effort: int = DEFAULT_EFFORT) -> None:
    """Add an option for each field of `Settings`, and --model and --device.

    effort: the default of --effort.
    """
    parser.add_argument(
        "--max-bytes",
        type=int,
        metavar="N",
        help=f"largest size of a file, usefully 32 to 384; {DEFAULT_BYTES} if no other limit is "
        "given",
    )
    parser.add_argument(
        "--stages",
        type=int,
        metavar="S",
        help="encode the first S residual stages of the model, with no limit on the size",
    )
    parser.add_argument(
        "--min-quality",
        type=share,
        default=0.0,
        metavar="Q",
        help="fail with exit code 9, and write no file, if the quality, 0 to 1, is lower",
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
    """Add --effort, the number of rounds of synthesis."""
    parser.add_argument(
        "--effort",
        type=effort,
        default=default,
        metavar="E",
        help=f"0 to {MAX_EFFORT}: time spent on searching for tokens that keep more of the "
        "identity in files no larger; 0 uses the nearest codewords, about 5 ms a face, and each "
        f"step up to 6 takes about 25 to 50 ms more; {default} if not given",
    )


def effort(text: str) -> int:
    """Parse an effort, an integer from 0 to MAX_EFFORT."""
    return int_in_range(text, 0, MAX_EFFORT)


def add_framing(parser: argparse.ArgumentParser) -> None:
    """Add --align and --face, which choose the face in a picture."""
    parser.add_argument(
        "--align",
        choices=("auto", "always", "never"),
        default="auto",
        help="whether to detect and align the face: unless it is aligned already (auto), always, "
        "or never",
    )
    parser.add_argument(
        "--face",
        choices=("only", "largest"),
        default="only",
        help="if there are several faces: fail (only), or use the largest, most central one",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model."""
    parser.add_argument("--model", metavar="MODEL", help="name of a packaged model, or its file")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument(
        "--device", default="cpu", metavar="D", help=f"cpu, or cuda ({install_hint('cuda')})"
    )


def settings_of(options: argparse.Namespace, max_bytes: int | None = None) -> Settings:
    """The `Settings` of the options that `add_settings` adds.

    max_bytes: replaces --max-bytes if not None.
    Raises SettingsError for values that contradict each other or are out of range.
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
