"""Writing files so that they appear complete or not at all, and replace nothing unasked."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stc.cli.files import already_exists, check_target, is_device


def write_atomically(name: str, data: bytes, *, force: bool = False) -> None:
    """Write a file that is complete as soon as it has its name; `-` is stdout.

    Raises StcError for a file that exists, unless `force`, also if another process made it in the
    meantime; OSError. Devices and pipes are written to directly.
    """
    if name == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if is_device(name):
        Path(name).write_bytes(data)  # cannot be renamed over
        return
    check_target(name, force=force)
    path = Path(os.path.realpath(name))  # replace what a link points to, not the link
    partial = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(partial, path)
        else:
            _name_exclusively(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _name_exclusively(partial: Path, path: Path) -> None:
    """Give a finished file its name, unless another file has it. Raises StcError, OSError."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise already_exists(str(path)) from None
    except (OSError, AttributeError):  # hard links are not supported here, as on FAT
        _reserve_and_replace(partial, path)


def _reserve_and_replace(partial: Path, path: Path) -> None:
    """The same without hard links: for a moment the name belongs to an empty file."""
    try:
        path.open("xb").close()
    except FileExistsError:
        raise already_exists(str(path)) from None
    try:
        os.replace(partial, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
