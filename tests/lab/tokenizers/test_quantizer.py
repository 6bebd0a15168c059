"""The quantizer: what it costs, what it finds, what gradients pass."""

import pytest
import torch

from stc.lab.tokenizers.quantizer import (
    KINDS,
    Arrangement,
    SwitchableQuantizer,
    codebook_use,
    group_use,
)
from stc.lab.tokenizers.routing import Router

# tokens, kind, codewords, groups, bytes: every row of the tables of arXiv 2510.22943, and the bpp
# that it counts on 256x256 pixels
ROWS = [
    (256, "global", 1024, 1, 320),  # CodeFormer
    (256, "global", 4096, 1, 384),  # MaskGit-VQGAN
    (256, "token-specific", 4096, 1, 384),
    (256, "switchable-token-specific", 1024, 16, 321),
    (128, "global", 4096, 1, 192),  # TiTok-S
    (128, "token-specific", 4096, 1, 192),
    (128, "switchable-token-specific", 256, 256, 129),
    (32, "global", 4096, 1, 48),  # TiTok-L
    (32, "token-specific", 4096, 1, 48),
    (32, "switchable-token-specific", 256, 256, 33),
    (128, "global", 1024, 1, 160),  # the ablation
    (128, "token-specific", 1024, 1, 160),
]


@pytest.mark.parametrize(("tokens", "kind", "codewords", "groups", "size"), ROWS)
def test_costs_the_bytes_of_the_papers_tables(tokens, kind, codewords, groups, size):
    assert Arrangement(kind, codewords, groups).bytes(tokens) == size


def test_bits_are_exact():
    assert Arrangement("global", 4096).bits(256) / 256**2 == 0.046875
    assert Arrangement("switchable", 1024, 16).bits(256) == 2564
    assert Arrangement("switchable-token-specific", 3, 5).bits(7) == pytest.approx(13.417, abs=1e-3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("local", 4, 1), "no arrangement 'local': there are global, token-specific"),
        (("global", 4, 2), "global has one group, not 2"),
        (("token-specific", 4, 2), "token-specific has one group, not 2"),
        (("switchable", 0, 2), "at least one codeword and one group, not 0 and 2"),
        (("switchable", 4, 0), "at least one codeword and one group, not 4 and 0"),
    ],
)
def test_arrangements_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Arrangement(*values)


def make(kind, tokens=5, dimensions=3, codewords=7):
    torch.manual_seed(0)
    groups = 4 if kind.startswith("switchable") else 1
    arrangement = Arrangement(kind, codewords, groups)
    return SwitchableQuantizer(arrangement, tokens, dimensions), torch.randn(9, tokens, dimensions)


def brute_force(quantizer, latents):
    """Squared distances [B, G, T, K], one subtraction at a time."""
    books = quantizer.codebooks.detach().expand(-1, quantizer.tokens, -1, -1)
    return (latents[:, None, :, None] - books).square().sum(-1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimensions", [3, 70])  # 70: more than the kernels serve
@pytest.mark.parametrize("prepared", [False, True])
def test_exhaustive_routing_is_brute_force(kind, dimensions, prepared):
    quantizer, latents = make(kind, dimensions=dimensions)
    if prepared:
        quantizer.prepare()
    distances = brute_force(quantizer, latents)
    errors = distances.amin(3).sum(2)
    torch.testing.assert_close(quantizer.errors(latents), errors)
    groups, indices = quantizer.encode(latents)
    torch.testing.assert_close(groups, errors.argmin(1))
    torch.testing.assert_close(groups, quantizer.route(latents))
    expected = distances[torch.arange(9), groups].argmin(2)
    torch.testing.assert_close(indices, expected)
    if quantizer.arrangement.switchable:
        assert len(groups.unique()) > 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimensions", [3, 70])
def test_a_given_group_is_kept(kind, dimensions):
    quantizer, latents = make(kind, dimensions=dimensions)
    given = torch.arange(9) % quantizer.arrangement.groups
    groups, indices = quantizer.encode(latents, given)
    torch.testing.assert_close(groups, given)
    expected = brute_force(quantizer, latents)[torch.arange(9), given].argmin(2)
    torch.testing.assert_close(indices, expected)


def test_shared_codebooks_compete_in_pieces(monkeypatch):
    quantizer, latents = make("switchable")
    whole = quantizer.encode(latents), quantizer.errors(latents)
    monkeypatch.setattr(
        "stc.lab.tokenizers.quantizer.PIECE", 50
    )  # two images of 4 groups and 5 tokens
    torch.testing.assert_close((quantizer.encode(latents), quantizer.errors(latents)), whole)


def test_a_router_decides_by_its_largest_logit():
    quantizer, latents = make("switchable-token-specific")
    router = Router(3, 4)
    torch.testing.assert_close(quantizer.route(latents, router), router(latents).argmax(1))


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_gives_the_codewords(kind):
    quantizer, latents = make(kind)
    groups, indices = quantizer.encode(latents)
    codewords = quantizer.decode(groups, indices)
    books = quantizer.codebooks.expand(-1, 5, -1, -1)
    for b, t in ((0, 0), (3, 4), (8, 2)):
        torch.testing.assert_close(codewords[b, t], books[groups[b], t, indices[b, t]])


@pytest.mark.parametrize("kind", KINDS)
def test_codeword_and_latent_get_the_codewords_gradient(kind):
    quantizer, latents = make(kind)
    latents.requires_grad_()
    codewords, groups, indices = quantizer(latents)
    torch.testing.assert_close(codewords, quantizer.decode(groups, indices), atol=0, rtol=0)
    gradient = torch.randn(codewords.shape)
    codewords.backward(gradient)
    torch.testing.assert_close(latents.grad, gradient)
    torch.testing.assert_close(quantizer.codebooks.grad.sum((0, 1, 2)), gradient.sum((0, 1)))
    chosen = quantizer.codebooks.grad.any(-1).sum()
    books = groups[:, None] * 5 + (torch.arange(5) if quantizer.codebooks.shape[1] > 1 else 0)
    assert chosen == len((books * 7 + indices).unique())


@pytest.mark.parametrize("kind", KINDS)
def test_starts_from_latents_of_each_token(kind):
    quantizer, _ = make(kind)
    token = torch.arange(5.0)[:, None].expand(20, 5, 3)
    quantizer.initialise(token)
    books = quantizer.codebooks.detach()
    if quantizer.arrangement.token_specific:
        torch.testing.assert_close(books, token[0, :, None].expand_as(books))
    else:
        assert set(books.flatten().tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}
        assert len(books.unique()) > 1


def test_latents_of_another_shape_are_refused():
    quantizer, _ = make("global")
    with pytest.raises(ValueError, match=r"latents must be \[B, 5, 3\], not \(9, 3, 5\)"):
        quantizer.encode(torch.zeros(9, 3, 5))


def test_use_of_codewords_and_groups():
    arrangement = Arrangement("switchable", codewords=4, groups=3)
    groups = torch.tensor([0, 0, 0, 0, 2, 2])
    indices = torch.tensor([[0, 1], [1, 1], [2, 1], [3, 1], [0, 2], [0, 3]])
    share, perplexity = codebook_use(indices, groups, arrangement)
    torch.testing.assert_close(share, torch.tensor([[1, 0.25], [0, 0], [0.25, 0.5]]))
    torch.testing.assert_close(perplexity, torch.tensor([[4.0, 1], [0, 0], [1, 2]]))
    share, perplexity = group_use(groups, arrangement)
    assert share.item() == pytest.approx(2 / 3)
    assert perplexity.item() == pytest.approx(3 / 2 ** (2 / 3))  # of 2/3 and 1/3
