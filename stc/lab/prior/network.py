"""The network that predicts a token from the tokens before it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn
from tqdm import tqdm

from stc.gallery.progress import hidden

FEATURES, HIDDEN, DROPOUT = 8, 96, 0.1
BATCH, RATE = 256, 3e-3


class ContextNetwork(nn.Module):
    """An additive context network, after NADE (Uria et al., arXiv 1605.02226).

    h_t = tanh(c_t + sum_{s<t} M_s^T E_s[x_s]), logits_t = ln static_t + O_t (A_t^T h_t + u_t),
    where E_s[x_s] and the rows of O_t are features of codewords. Before training its output equals
    the static PMFs.

    static: PMFs [T, K]; features: [T, K, F], the initial values of E and O.
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
        """The cost in nats [B, T] of the first T of tokens int64 [B, n]."""
        own = tokens[:, : self.tokens].T
        seen = torch.bmm(self.inputs[torch.arange(self.tokens)[:, None], own], self.mix)
        seen = F.dropout(seen, DROPOUT, self.training)
        context = F.pad(seen[:-1].cumsum(0), (0, 0, 0, 0, 1, 0))  # token t depends on earlier ones
        wanted = torch.bmm(torch.tanh(context + self.start), self.read) + self.offset
        logits = torch.baddbmm(self.static[:, None], wanted, self.outputs.transpose(1, 2))
        return F.cross_entropy(logits.flatten(0, 1), own.flatten(), reduction="none").view_as(own).T


def fit(
    tokens: Tensor, weights: Tensor, static: Tensor, features: Tensor, epochs: int
) -> ContextNetwork:
    """Train a network on tokens int64 [N, n] of faces with weights [N].

    static, features: as for `ContextNetwork`.
    """
    network = ContextNetwork(static, features)
    codewords = [network.inputs, network.outputs]
    others = [network.mix, network.start, network.read, network.offset]
    groups = [{"params": others}, {"params": codewords}]
    rates = [RATE, RATE / 3]  # features of codewords are most of the parameters and overfit first
    optimiser = torch.optim.Adam(groups)
    steps = epochs * -(-len(tokens) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, steps, pct_start=0.1)
    bar = tqdm(total=steps, desc=f"training on {network.tokens} tokens", disable=hidden())
    with bar:
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


def codeword_features(codebook: Tensor) -> Tensor:
    """Features [K, F] of codewords [K, D]: coordinates on principal axes, and their length."""
    centred = codebook - codebook.mean(0)
    left, scale, _ = torch.linalg.svd(centred, full_matrices=False)
    axes = (left * scale / scale[0])[:, : FEATURES - 1] * len(codebook) ** 0.5
    length = centred.norm(dim=1, keepdim=True)
    axes = F.pad(axes, (0, FEATURES - 1 - axes.shape[1]))
    return torch.cat([axes, (length - length.mean()) / length.std()], 1)
