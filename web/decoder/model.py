"""A model file without what a decoder of small files does not read.

    python web/decoder/model.py stc-open-1 --max-bytes 192 -o model.bin.gz

The encoder's arrays go, and the levels that no file of so many bytes reaches. The name and the
fingerprint stay those of the whole model. The metadata `absent` has type, shape and digest of every
decoder's array that is gone, so that the fingerprint can still be checked. An output that ends with
.gz is compressed, a tenth smaller; the decoder reads both.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import sys
from pathlib import Path

import numpy as np

from stc.bitstream import Tables, overhead
from stc.codec.model_file import ENCODER, ModelFile, open_model
from stc.errors import StcError
from stc.tensor_file import Tensor, write_file

DEVIATIONS = 6  # by which a face's tokens may be cheaper than the tables expect


def most_tokens(tables: Tables, max_bytes: int) -> int:
    """The most tokens of any face's file of so many bytes.

    The code length of the first n tokens is a sum of many that hardly depend on each other: its
    mean and its variance follow from the tables.
    """
    room = 8 * (max_bytes - overhead(1, bare=True))
    most = 1
    for group in range(len(tables.groups)):
        mean = variance = 0.0
        count = 0
        for _, rows in tables.rows(group, tables.tokens):
            for row in rows / (1 << 16):
                lengths = -np.log2(row)
                expected = float(row @ lengths)
                mean += expected
                variance += float(row @ lengths**2) - expected**2
                if mean - DEVIATIONS * math.sqrt(variance) > room:
                    break
                count += 1
            else:
                continue
            break
        most = max(most, count)
    return most


def cut(model: ModelFile, max_bytes: int, path: Path) -> int:
    """Write what a decoder of files of so many bytes reads -> tokens of the largest such file."""
    sizes = model.level_sizes
    most = most_tokens(model.tables, max_bytes)
    levels = next(n for n in range(1, len(sizes) + 1) if sum(sizes[:n]) >= min(most, sum(sizes)))
    late = tuple(f"levels.{number}." for number in range(levels, len(sizes)))
    kept, absent = [], {}
    for name, entry in model.entries.items():
        if name.startswith(late):
            shape, digest = list(entry.shape), model.digests[name]
            absent[name] = {"dtype": entry.dtype, "shape": shape, "digest": digest}
        elif not name.startswith(ENCODER):
            kept.append(Tensor(name, entry.dtype, entry.shape, model.array(name).tobytes()))
    metadata = {
        "name": model.name,
        "fingerprint": model.fingerprint,
        "digests": json.dumps({tensor.name: model.digests[tensor.name] for tensor in kept}),
        "absent": json.dumps(absent),
    }
    write_file(path, kept, metadata)
    if path.suffix == ".gz":  # without name and time: the same model gives the same bytes
        path.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    return sum(sizes[:levels])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name of a shipped model, or path of a model file")
    parser.add_argument("--max-bytes", type=int, required=True, help="of the largest file")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.max_bytes < 8:
        parser.error("no .stc file is smaller than 8 bytes")
    try:
        model = open_model(options.model)
        tokens = cut(model, options.max_bytes, options.output)
    except (StcError, OSError) as error:
        print(f"model.py: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    size, total = options.output.stat().st_size, model.tables.tokens
    print(f"{options.output}: {size} bytes, files of up to {tokens} of {total} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
