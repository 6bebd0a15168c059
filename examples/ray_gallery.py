"""A bucket of pictures -> Parquet files of faces, with Ray Data.

    pip install '.[ray]'
    python examples/ray_gallery.py s3://bucket/shards/ -o s3://bucket/faces/ --tar --workers 64
    python examples/ray_gallery.py pictures/ -o faces/

With --tar, tar files are read as WebDataset; else every file is a picture. Pictures are read as
bytes, since `ray.data.read_images` would end the run at the first broken picture; here that is a
row with its error. Ray determines the supported storage, such as S3, GCS or a disk.
"""

from __future__ import annotations

import argparse
from typing import Any

import ray

from stc.gallery.batch import Encoder
from stc.imaging import ENDINGS

BATCH = 64  # pictures encoded together; larger batches are not faster
# Endings of a sample's picture; a sample without a picture is a row with an error.
PICTURES = tuple(sorted(ending[1:] for ending in ENDINGS))


def read(path: str, tar: bool) -> ray.data.Dataset:
    """A dataset with columns `key` and `image`, the bytes of a picture file."""
    if tar:
        shards = ray.data.read_webdataset(path, decoder=None)
        return shards.map_batches(picture_of_samples, batch_size=BATCH)
    files = ray.data.read_binary_files(path, include_paths=True)
    return files.rename_columns({"path": "key", "bytes": "image"})


def picture_of_samples(batch: dict[str, Any]) -> dict[str, Any]:
    """Select the key and the picture of each sample of a WebDataset batch."""
    endings = [name for name in batch if name.rpartition(".")[2].lower() in PICTURES]
    images = [
        next((batch[name][row] for name in endings if isinstance(batch[name][row], bytes)), b"")
        for row in range(len(batch["__key__"]))
    ]
    return {"key": batch["__key__"], "image": images}


def main(arguments: list[str] | None = None) -> int:
    """Encode all pictures with Ray, and print their number and that of errors -> 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", help="folder or another location that Ray reads")
    parser.add_argument("-o", "--output", required=True, help="folder of Parquet files")
    parser.add_argument("--tar", action="store_true", help="the input is tar files (WebDataset)")
    parser.add_argument("--max-bytes", type=int, default=192)
    parser.add_argument("--align", choices=("auto", "always", "never"), default="auto")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes of one core each; leave a core for reading",
    )
    options = parser.parse_args(arguments)

    faces = read(options.input, options.tar).map_batches(
        Encoder,
        fn_constructor_kwargs={
            "max_bytes": options.max_bytes,
            "align": options.align,
            "face": "largest",
        },
        batch_size=BATCH,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=options.workers),
    )
    faces.write_parquet(options.output)

    written = ray.data.read_parquet(options.output)
    failed = written.filter(lambda row: row["error"] != "").count()
    print(f"{options.output}: {written.count()} pictures, {failed} of them with an error")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
