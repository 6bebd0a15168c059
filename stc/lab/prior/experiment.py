"""The experiment: computes tokens of faces, trains networks on them, and measures the saving."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from stc.codec.torch.tokenizer import LevelTokenizer
from stc.gallery.progress import hidden
from stc.lab.prior.comparison import SIZES, Row, per_level, per_size
from stc.lab.prior.costs import file_bytes, prior_bits, static_bits, static_rows
from stc.lab.prior.network import BATCH, codeword_features, fit
from stc.lab.training.data import fills_canvas, to_tensors

HELD_OUT = 20  # every 20th face is held out
OTHERS, OTHERS_WEIGHT = 4, 0.3  # every 4th face that does not fill the canvas has this weight


def measure(
    tokenizer: LevelTokenizer,
    faces: npt.NDArray[np.uint8],
    pictures: npt.NDArray[np.uint8],
    epochs: int,
) -> list[Row]:
    """Run the experiment; returns the rows of the table.

    faces, pictures: for training and for evaluation, uint8 [N, 128, 128, 4] each. Raises ValueError
    if the model has several groups, or too few faces fill the canvas.
    """
    if tokenizer.groups > 1:
        raise ValueError(f"the model has {tokenizer.groups} groups, but only 1 is supported")
    full, held = fills_canvas(faces), np.arange(len(faces)) % HELD_OUT == 0
    if (full & held).sum() < 2 or not (full & ~held).any():
        raise ValueError(f"{full.sum()} training faces that fill the canvas are too few")
    own = tokenize(tokenizer, faces, np.flatnonzero(full & ~held), mirrors=True)
    others = tokenize(tokenizer, faces, np.flatnonzero(~full & ~held)[::OTHERS], mirrors=True)
    known = tokenize(tokenizer, faces, np.flatnonzero(full & held))
    new = tokenize(tokenizer, pictures, np.arange(len(pictures)))

    books = [book for level in tokenizer.levels for book in level.codebooks.weight[0]]
    features = torch.stack([codeword_features(book) for book in books])
    static = static_rows(own, features.shape[1])
    held_bits = static_bits(static, known)
    fitting = (file_bytes(held_bits) <= SIZES[-1]).sum(1)
    count = max(
        1, int(fitting.double().quantile(0.99))
    )  # not the maximum: a blank picture fits all
    tokens = torch.cat([own, others])
    weights = torch.cat([torch.ones(len(own)), torch.full((len(others),), OTHERS_WEIGHT)])
    # Level 0 has most dependence between tokens: a separate network saves more, and overfits later.
    widths = {count: epochs, min(count, tokenizer.level_sizes[0]): 2 * epochs}
    networks = [fit(tokens, weights, static, features[:n], long) for n, long in widths.items()]
    held_prior = prior_bits(networks, static, known)
    rows = per_level(tokenizer.level_sizes, held_bits[:, :count], held_prior[:, :count])
    return rows + per_size(static_bits(static, new), prior_bits(networks, static, new))


@torch.inference_mode()
def tokenize(
    tokenizer: LevelTokenizer,
    faces: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    mirrors: bool = False,
) -> Tensor:
    """Tokens int64 [n, T] of the faces `rows` [n] among [N, 128, 128, 4].

    mirrors: whether mirror images are added; then the result is [2n, T], in batches.
    """
    found = [torch.empty(0, tokenizer.tokens, dtype=torch.long)]
    for start in tqdm(range(0, len(rows), BATCH), desc="tokens", disable=hidden()):
        rgb, _ = to_tensors(faces[rows[start : start + BATCH]])
        for own in (rgb, rgb.flip(3)) if mirrors else (rgb,):
            found.append(tokenizer.encode(tokenizer.analyse(own))[1])
    return torch.cat(found)
