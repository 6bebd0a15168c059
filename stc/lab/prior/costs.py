"""What tokens cost by static rows and by the network, in bits and in bytes of files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stc.bitstream import overhead
from stc.lab.prior.network import BATCH, ContextNetwork


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
    frame = torch.tensor([overhead(count) for count in range(1, bits.shape[1] + 1)])
    return frame + (bits.double().cumsum(1) / 8).ceil()
