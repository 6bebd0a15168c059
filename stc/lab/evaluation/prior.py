"""`python -m stc.lab.evaluation.prior`: what an entropy prior over the tokens would save.

A file codes every token by a static row of probabilities. A prior that conditions each token on
those before it would code it in fewer bits if tokens depend on one another. This measures how many.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, islice, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn
from tqdm import tqdm

from stc.bitstream.header import FIXED, join_count
from stc.codec.codec import Codec
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training.data import load_faces, read_tar, to_tensors, whole

DESCRIPTION = """Measure what an autoregressive entropy prior over the tokens of a model would save.

Tokens of the training faces that fill the canvas, and with a small weight of a quarter of the
others, train an additive context network (NADE, arXiv 1605.02226) in floating point; every 20th
face is held out. A codec must decode alike on all machines and so needs integer weights: what the
network saves here is the most that its integer version could. It is set against static rows counted
on the faces that fill the canvas, in bits a token on those held out, over the first tokens that a
192-byte file holds (all but 1 % of them), and in bytes on the faces of an evaluation tar: files of
as many tokens as fit without the prior. Sizes are ideal code lengths in whole bytes, with header
and checksum. About ten minutes on one core.
"""

SIZES = (32, 64, 96, 128, 192)  # bytes
HELD_OUT, OTHERS = 20, 4  # every 20th face is held out; every 4th that is not whole is learned from
OTHERS_WEIGHT = 0.3
FEATURES, HIDDEN, DROPOUT = 8, 96, 0.1
BATCH, RATE = 256, 3e-3


@dataclass(frozen=True)
class Row:
    """One comparison; the standard error is that of the saving, over faces."""

    measure: str
    name: str
    faces: int
    without: float
    prior: float
    saved_percent: float
    standard_error: float


def compare(measure: str, name: str, without: Tensor, prior: Tensor) -> Row:
    """What faces [N] cost without and with the prior; the saving is a ratio of means."""
    mean, better = without.double().mean().item(), prior.double().mean().item()
    spread = (prior - better / mean * without).double().std().item() / mean
    saved, error = 100 * (1 - better / mean), 100 * spread / len(without) ** 0.5
    return Row(measure, name, len(without), mean, better, saved, error)


class ContextNetwork(nn.Module):
    """Additive context network, after NADE (Uria et al., arXiv 1605.02226).

    h_t = tanh(c_t + sum_{s<t} M_s^T E_s[x_s]), logits_t = static_t + O_t (A_t^T h_t + u_t), where
    E_s[x_s] and the rows of O_t are features of codewords. Untrained, it is the static rows.

    static: probabilities [T, K]; features [T, K, F], where E and O start.
    """

    static: Tensor

    def __init__(self, static: Tensor, features: Tensor) -> None:
        super().__init__()
        self.tokens, _, size = features.shape
        self.register_buffer("static", static[: self.tokens].log())
        self.inputs = nn.Parameter(features.clone())  # E
        self.outputs = nn.Parameter(features.clone())  # O
        self.mix = nn.Parameter(0.05 * torch.randn(self.tokens, size, HIDDEN))  # M
        self.start = nn.Parameter(0.3 * torch.randn(HIDDEN).repeat(self.tokens, 1, 1))  # c
        self.read = nn.Parameter(torch.zeros(self.tokens, HIDDEN, size))  # A
        self.offset = nn.Parameter(torch.zeros(self.tokens, 1, size))  # u

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [B, n], n at least T -> nats that each of the first T costs, [B, T]."""
        own = tokens[:, : self.tokens].T
        seen = torch.bmm(self.inputs[torch.arange(self.tokens)[:, None], own], self.mix)
        seen = F.dropout(seen, DROPOUT, self.training)
        context = F.pad(seen[:-1].cumsum(0), (0, 0, 0, 0, 1, 0))  # token t sees those before it
        wanted = torch.bmm(torch.tanh(context + self.start), self.read) + self.offset
        logits = torch.baddbmm(self.static[:, None], wanted, self.outputs.transpose(1, 2))
        return F.cross_entropy(logits.flatten(0, 1), own.flatten(), reduction="none").view_as(own).T


def fit(
    tokens: Tensor, weights: Tensor, static: Tensor, features: Tensor, epochs: int
) -> ContextNetwork:
    """A network trained on tokens int64 [N, n] of faces that count weights [N] times."""
    network = ContextNetwork(static, features)
    codewords = [network.inputs, network.outputs]
    others = [network.mix, network.start, network.read, network.offset]
    groups = [{"params": others}, {"params": codewords}]
    rates = [RATE, RATE / 3]  # codewords have by far the most parameters, and overfit first
    optimiser = torch.optim.Adam(groups)
    steps = epochs * -(-len(tokens) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, steps, pct_start=0.1)
    with tqdm(total=steps, desc=f"training on {network.tokens} tokens") as bar:
        for _ in range(epochs):
            for rows in torch.randperm(len(tokens)).split(BATCH):
                loss = (network(tokens[rows]).mean(1) * weights[rows]).sum() / weights[rows].sum()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                bar.set_postfix(bits=f"{loss.item() / np.log(2):.3f}", refresh=False)
                bar.update()
    return network.eval()


def static_rows(tokens: Tensor, codewords: int) -> Tensor:
    """Probabilities [T, K], counted on tokens int64 [N, T]; half a count is added everywhere."""
    counts = torch.stack([own.bincount(minlength=codewords) for own in tokens.T]) + 0.5
    return counts / counts.sum(1, keepdim=True)


def static_bits(static: Tensor, tokens: Tensor) -> Tensor:
    """Bits that each of tokens int64 [N, T] costs by rows [T, K] -> [N, T]."""
    return -static[torch.arange(len(static)), tokens].log2()


@torch.inference_mode()
def prior_bits(networks: Sequence[ContextNetwork], static: Tensor, tokens: Tensor) -> Tensor:
    """As `static_bits`; a token that networks know costs what the last of them says."""
    bits = static_bits(static, tokens)
    for network in networks:
        parts = [network(part) for part in tokens.split(BATCH)]
        bits[:, : network.tokens] = torch.cat(parts) / np.log(2)
    return bits


def file_bytes(bits: Tensor) -> Tensor:
    """Bits of tokens [N, T] -> bytes of the file that ends after each, [N, T]."""
    counts = range(1, bits.shape[1] + 1)
    frame = torch.tensor([FIXED + len(join_count(count, b"")) for count in counts])
    return frame + (bits.double().cumsum(1) / 8).ceil()


def codeword_features(codebook: Tensor) -> Tensor:
    """Codewords [K, D] -> [K, F]: their coordinates on principal axes, and their length."""
    centred = codebook - codebook.mean(0)
    left, scale, _ = torch.linalg.svd(centred, full_matrices=False)
    axes = (left * scale / scale[0])[:, : FEATURES - 1] * len(codebook) ** 0.5
    length = centred.norm(dim=1, keepdim=True)
    axes = F.pad(axes, (0, FEATURES - 1 - axes.shape[1]))
    return torch.cat([axes, (length - length.mean()) / length.std()], 1)


@torch.inference_mode()
def tokenise(
    tokenizer: LevelTokenizer,
    faces: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    mirrors: bool = False,
) -> Tensor:
    """Tokens int64 [n, T] of the faces [N, 128, 128, 4] in `rows` [n]; [2n, T] with mirrors."""
    found = [torch.empty(0, tokenizer.tokens, dtype=torch.long)]
    for start in tqdm(range(0, len(rows), BATCH), desc="tokens"):
        rgb, _ = to_tensors(faces[rows[start : start + BATCH]])
        for own in (rgb, rgb.flip(3)) if mirrors else (rgb,):
            found.append(tokenizer.encode(tokenizer.analyse(own))[1])
    return torch.cat(found)


def per_level(sizes: Sequence[int], without: Tensor, prior: Tensor) -> list[Row]:
    """Bits a token, [N, n] each, of every level of `sizes` tokens and of all n tokens."""
    measure, count = "bits a token, held-out faces", without.shape[1]
    ends = [0, *accumulate(sizes)]
    parts = {
        f"level {number}, {min(end, count) - start} tokens": slice(start, end)
        for number, (start, end) in enumerate(pairwise(ends))
        if start < count
    }
    parts[f"all {count} tokens"] = slice(count)
    return [
        compare(measure, name, without[:, own].mean(1), prior[:, own].mean(1))
        for name, own in parts.items()
    ]


def per_size(without: Tensor, prior: Tensor) -> list[Row]:
    """Bytes of files of at most so many, from bits [N, T] of tokens."""
    before, after, rows = file_bytes(without), file_bytes(prior), []
    for size in SIZES:
        last = ((before <= size).sum(1, keepdim=True) - 1).clamp_min(0)
        pair = (x.gather(1, last)[:, 0] for x in (before, after))
        rows.append(compare("bytes, evaluation faces", f"at most {size}", *pair))
    return rows


def as_markdown(rows: Sequence[Row]) -> str:
    """The rows as the table of the documentation."""
    lines = ["measure | | faces | static rows | prior | saved, % ± one standard error"]
    lines.append(" | ".join(["---"] * 6))
    for row in rows:
        digits = 3 if "token" in row.measure else 1
        figures = f"{row.without:.{digits}f} | {row.prior:.{digits}f}"
        saved = f"{row.saved_percent:.2f} ± {row.standard_error:.2f}"
        lines.append(f"{row.measure} | {row.name} | {row.faces} | {figures} | {saved}")
    return "\n".join(f"| {line} |" for line in lines)


def measure(
    tokenizer: LevelTokenizer,
    faces: npt.NDArray[np.uint8],
    pictures: npt.NDArray[np.uint8],
    epochs: int,
) -> list[Row]:
    """The whole experiment on training faces and faces for evaluation, [N, 128, 128, 4] each.

    Raises ValueError for a model of several groups, and for too few faces that fill the canvas.
    """
    if tokenizer.groups > 1:
        raise ValueError(f"the model has {tokenizer.groups} groups; this measures models of one")
    full, held = whole(faces), np.arange(len(faces)) % HELD_OUT == 0
    if (full & held).sum() < 2 or not (full & ~held).any():
        raise ValueError(f"{full.sum()} training faces that fill the canvas are too few")
    own = tokenise(tokenizer, faces, np.flatnonzero(full & ~held), mirrors=True)
    others = tokenise(tokenizer, faces, np.flatnonzero(~full & ~held)[::OTHERS], mirrors=True)
    known = tokenise(tokenizer, faces, np.flatnonzero(full & held))
    new = tokenise(tokenizer, pictures, np.arange(len(pictures)))

    books = [book for level in tokenizer.levels for book in level.codebooks.weight[0]]
    features = torch.stack([codeword_features(book) for book in books])
    static = static_rows(own, features.shape[1])
    held_bits = static_bits(static, known)
    fitting = (file_bytes(held_bits) <= SIZES[-1]).sum(1)
    count = max(1, int(fitting.double().quantile(0.99)))  # a blank picture may hold them all
    tokens = torch.cat([own, others])
    weights = torch.cat([torch.ones(len(own)), torch.full((len(others),), OTHERS_WEIGHT)])
    # Level 0 hides the most; a network of its own finds more of it, and can train for longer.
    widths = {count: epochs, min(count, tokenizer.level_sizes[0]): 2 * epochs}
    networks = [fit(tokens, weights, static, features[:n], long) for n, long in widths.items()]
    held_prior = prior_bits(networks, static, known)
    rows = per_level(tokenizer.level_sizes, held_bits[:, :count], held_prior[:, :count])
    return rows + per_size(static_bits(static, new), prior_bits(networks, static, new))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m stc.lab.evaluation.prior",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of tar files, or .npy")
    parser.add_argument("--faces", type=Path, required=True, help="tar file to measure on")
    parser.add_argument("--limit", type=int, help="at most so many of its faces, the first")
    parser.add_argument("--model", help="name or path; the default model if left out")
    parser.add_argument("--epochs", type=int, default=6, help="over the faces (default 6)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default 0)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="CSV file; faces.npy is kept beside it"
    )
    options = parser.parse_args(arguments)

    torch.manual_seed(options.seed)
    if options.data.suffix == ".npy":
        faces = np.load(options.data, mmap_mode="r")
    else:
        faces = load_faces(options.data, options.output.with_name("faces.npy"))
    pictures = np.stack(list(islice(read_tar(options.faces), options.limit)))
    try:
        rows = measure(Codec(options.model).tokenizer, faces, pictures, options.epochs)
    except ValueError as error:
        parser.error(str(error))
    with options.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    print(as_markdown(rows))


if __name__ == "__main__":
    main()
