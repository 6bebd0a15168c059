"""The API reference, from the docstrings: python docs/make_api.py -o build/api

Needs pip install '.[docs]'; whatever other extras are there are described as well.
"""

import argparse
import importlib
import warnings
from pathlib import Path

import pdoc
import pdoc.render_helpers

import stc
from stc.errors import MissingExtraError

MODULES = (
    "stc",
    "stc.gallery.batch",
    "stc.bitstream",
    "stc.carriers.ndef",
    "stc.carriers.qr",
    "stc.codec.codec",
    "stc.lab.tokenizers.quantizer",
    "stc.errors",
    "stc.imaging",
    "stc.kernels",
    "stc.imaging.marking",
    "stc.pillow",
    "stc.protection",
    "stc.service",
    "stc.gallery.shards",
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("build/api"))
    options = parser.parse_args(arguments)
    found = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except (MissingExtraError, ModuleNotFoundError) as error:
            print(f"left out: {name}: {error}")
            continue
        # pdoc sees what a module has, not what it would load when it is asked.
        for public in getattr(module, "__all__", ()):
            setattr(module, public, getattr(module, public))
        found.append(name)
    pdoc.render.configure(docformat="markdown", footer_text=f"STC {stc.__version__}")
    # A docstring's line is a line: parameters stand one below the other.
    pdoc.render_helpers.markdown_extensions["breaks"] = {"on_newline": True}
    with warnings.catch_warnings():
        # What it cannot look up, as of a NamedTuple or of Pillow itself, it shows as written.
        warnings.filterwarnings("ignore", "Error parsing type annotation")
        warnings.filterwarnings("ignore", "Failed to run TYPE_CHECKING code")
        # In a checkout of what is installed as well, the installed package is meant.
        warnings.filterwarnings("ignore", "'stc.*' may refer to")
        pdoc.pdoc(*found, output_directory=options.output)
    print(options.output / "index.html")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
