"""The cost of tokens with static PMFs and with the network, in bits and in bytes of files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stc.bitstream import overhead
from stc.lab.prior.network import BATCH, ContextNetwork


def static_rows(tokens: Tensor, codewords: int) -> Tensor:
    """Static PMFs [T, K], counted on tokens int64 [N, T]; 0.5 is added to every count."""
    counts = torch.stack([own.bincount(minlength=codewords) for own in tokens.T]) + 0.5
    return counts / counts.sum(1, keepdim=True)


def static_bits(static: Tensor, tokens: Tensor) -> Tensor:
    """The bits [N, T] of tokens int64 [N, T] with PMFs [T, K]."""
    return -static[torch.arange(len(static)), tokens].log2()


@torch.inference_mode()
def prior_bits(networks: Sequence[ContextNetwork], static: Tensor, tokens: Tensor) -> Tensor:
    """The bits [N, T] of tokens, by the last network that models a token, or else by its PMF."""
    bits = static_bits(static, tokens)
    for network in networks:
        parts = [network(part) for part in tokens.split(BATCH)]
        bits[:, : network.tokens] = torch.cat(parts) / np.log(2)
    return bits


def file_bytes(bits: Tensor) -> Tensor:
    """The bytes [N, T] of the file that ends after each token, from bits of tokens [N, T]."""
    frame = torch.tensor([overhead(count) for count in range(1, bits.shape[1] + 1)])
    return frame + (bits.double().cumsum(1) / 8).ceil()
