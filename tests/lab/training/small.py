"""A tokenizer small enough for tests of what is trained on its tokens, and steps of such runs."""

import torch

from stc.codec.torch.tokenizer import LevelShape, LevelTokenizer


def small_tokenizer(groups=1):
    """Random weights: 16 components, 5 tokens in two levels, the second shared; grey on average."""
    shapes = [LevelShape(16, 2, 8, 4, groups, 2), LevelShape(16, 3, 8, 4, 1, 2)]
    tokenizer = LevelTokenizer(16, groups, shapes)
    for buffer in tokenizer.buffers():
        buffer.copy_(0.05 * torch.randn_like(buffer))
    tokenizer.basis.copy_(torch.linalg.qr(torch.randn(6144, 16)).Q)
    for level in tokenizer.levels:
        level.synthesis.copy_(torch.randn_like(level.synthesis) / 4)
        level.codebooks.weight.copy_(torch.randn_like(level.codebooks.weight))
    tokenizer.weight.fill_(1)
    tokenizer.mean.fill_(0)
    tokenizer.mean[:4096] = 0.5
    tokenizer.prepare()
    return tokenizer.eval().requires_grad_(False)


def advanced(trainer, steps):
    """The same run after so many steps in all, its checkpoints written as `train` writes them."""
    while trainer.step < steps:
        trainer.train_step()
        if trainer.step % trainer.plan.save_every == 0:
            trainer.save()
    return trainer


def check_same(one, other):
    """Two runs have the same averaged weights to the bit."""
    found = other.average.state_dict()
    for name, value in one.average.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
