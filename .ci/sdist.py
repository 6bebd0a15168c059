"""Builds the sdist, and holds it to the repository: python .ci/sdist.py FOLDER

It is built from a copy of what git knows, so that nothing else that lies about gets in. Needs
pip install build.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What somebody with the sdist has no use for: how this repository is hosted.
LEFT_OUT = (".github/", ".gitignore", ".pre-commit-config.yaml")
# What setuptools adds.
ADDED = ("PKG-INFO", "setup.cfg", "stc_face_codec.egg-info/")


def tracked() -> list[str]:
    """What git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return sorted({name for name in listed.split("\0") if (ROOT / name).is_file()})


def build(names: list[str], folder: Path) -> Path:
    """Build from a copy; the sdist that is then in the folder."""
    with tempfile.TemporaryDirectory() as copy:
        for name in names:
            target = Path(copy, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        command = [
            sys.executable,
            "-m",
            "build",
            "--sdist",
            "--outdir",
            str(folder.resolve()),
            copy,
        ]
        subprocess.run(command, check=True)
    (made,) = folder.glob("*.tar.gz")
    return made


def main() -> int:
    folder, names = Path(sys.argv[1]), tracked()
    made = build(names, folder)
    with tarfile.open(made) as tar:
        held = {member.name.partition("/")[2] for member in tar if member.isfile()}
    missing = [name for name in names if name not in held and not name.startswith(LEFT_OUT)]
    strange = [name for name in held - set(names) if not name.startswith(ADDED)]
    for name in missing:
        print(f"not in the sdist: {name}; see MANIFEST.in", file=sys.stderr)
    for name in strange:
        print(f"in the sdist, and not in git: {name}", file=sys.stderr)
    print(f"{made}: {len(held)} files, {made.stat().st_size / 1e6:.1f} MB")
    return 1 if missing or strange else 0


if __name__ == "__main__":
    sys.exit(main())
