"""The decoders of this repository, native and numpy, with the runner's command line.

python conformance/decoders/in_python.py --core native MODEL FILE FOLDER [--bare] [--source=CANVAS]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> int:
    """Decode a file and write result.json, also for an error -> 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--core", choices=["native", "portable"], required=True)
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--source", type=Path)
    options = parser.parse_args()
    os.environ["STC_CORE"] = options.core

    from stc.errors import StcError

    try:
        result = decode(options)
    except StcError as error:
        result = {"error": type(error).__name__}
        print(error, file=sys.stderr)
    (options.folder / "result.json").write_text(json.dumps(result))
    return 0


def decode(options: argparse.Namespace) -> dict[str, object]:
    """Decode a file, write planes, detail and picture -> tokens and quality, for result.json."""
    from stc.codec.codec import Codec
    from stc.codec.core import open_core
    from stc.codec.portable_networks import Decoder
    from stc.codec.tokenizer import Tokenizer
    from stc.codec.tokens import Tokens

    codec, data = Codec(options.model), options.file.read_bytes()
    message = codec.read_tokens(data, bare=options.bare)
    (pixels,) = codec.decode_batch([data], bare=options.bare)
    core = open_core(codec.model)
    tokenizer = Tokenizer(codec.model, core)
    components = tokenizer.dequantize(Tokens.of([message]))
    (planes,) = tokenizer.planes(components)
    planes.astype("<f4").tofile(options.folder / "planes.f32")
    if options.core == "portable":  # the native core does not expose it
        share = np.float32(len(message[1]) / codec.model.tables.tokens)
        luma, chroma = planes[:4096].reshape(64, 64), planes[4096:].reshape(2, 32, 32)
        detail = Decoder(codec.model)(luma, chroma, share)
        detail.astype("<f4").tofile(options.folder / "detail.f32")
    Image.fromarray(pixels).save(options.folder / "picture.png")
    result: dict[str, object] = {"group": message[0], "indices": message[1].tolist()}
    if options.source is not None:
        with Image.open(options.source) as canvas:
            source = tokenizer.analyse(np.asarray(canvas.convert("RGB"))[None])
        result["quality"] = float(tokenizer.identity_kept(source, components)[0])
    return result


if __name__ == "__main__":
    sys.exit(main())
