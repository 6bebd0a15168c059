"""The prior saves what is there to be saved and claims nothing else; the command runs whole."""

import csv

import numpy as np
import pytest
import torch

from stc.codec.torch.tokenizer import LevelTokenizer
from stc.imaging import frame
from stc.lab.prior import command, comparison, costs, experiment, network
from tests.lab.evaluation.pictures import write_tar

TOKENS, CODEWORDS = 6, 8


def coded(tokens):
    """Bits of the last 500 rows, by static rows and by a network, both from the rows before."""
    torch.manual_seed(0)
    own, held = tokens[:-500], tokens[-500:]
    static = costs.static_rows(own, CODEWORDS)
    features = torch.eye(CODEWORDS).expand(TOKENS, -1, -1)
    trained = network.fit(own, torch.ones(len(own)), static, features, epochs=8)
    return costs.static_bits(static, held), costs.prior_bits([trained], static, held)


def independent(count):
    return torch.randint(CODEWORDS, (count, TOKENS), generator=torch.Generator().manual_seed(1))


def test_dependent_tokens_cost_less():
    """Every second token repeats the one before, so it is worth nothing: half of the bits."""
    tokens = independent(4500)
    tokens[:, 1::2] = tokens[:, ::2]
    static, better = coded(tokens)
    assert static.mean() == pytest.approx(3, abs=0.01)
    assert better[:, 1::2].mean() < 0.7
    assert better[:, ::2].mean() == pytest.approx(3, abs=0.05)


def test_independent_tokens_cost_the_same():
    static, better = coded(independent(4500))
    assert -1 < comparison.compare("", "", static.mean(1), better.mean(1)).saved_percent < 0.1


def test_no_token_is_told_of_itself_or_of_later_ones():
    torch.manual_seed(0)
    context = network.ContextNetwork(
        torch.full((TOKENS, CODEWORDS), 1 / CODEWORDS), torch.randn(TOKENS, CODEWORDS, 4)
    ).eval()
    tokens = independent(1)
    assert context(tokens).flatten().tolist() == pytest.approx([np.log(8)] * TOKENS)
    torch.nn.init.normal_(context.read)
    for token in range(TOKENS):
        every = tokens.repeat(CODEWORDS, 1)
        every[:, token] = torch.arange(CODEWORDS)
        nats = context(every)
        assert (-nats[:, token]).exp().sum().item() == pytest.approx(1, abs=1e-5)
        assert (nats[:, :token] == nats[:1, :token]).all()
        assert token == TOKENS - 1 or (nats[:, token + 1].std() > 1e-3)


def test_tokens_beyond_the_network_keep_their_static_cost():
    static = torch.full((TOKENS, CODEWORDS), 1 / CODEWORDS)
    context = network.ContextNetwork(static, torch.randn(2, CODEWORDS, 4)).eval()
    torch.nn.init.normal_(context.offset)
    bits = costs.prior_bits([context], static, independent(3))
    assert (bits[:, 2:] == 3).all()
    assert (bits[:, :2] != 3).any()


def test_file_bytes_count_header_token_count_and_checksum():
    size = costs.file_bytes(torch.full((1, 130), 4.0))[0]
    assert size[[0, 1, 2, 126, 127]].tolist() == [8, 8, 9, 71, 72]


def test_sizes_hold_as_many_tokens_as_fit_without_the_prior():
    rows = comparison.per_size(torch.full((2, 400), 8.0), torch.full((2, 400), 4.0))
    assert [row.without for row in rows] == list(comparison.SIZES)
    assert rows[0].prior == 7 + 13
    assert rows[0].saved_percent == pytest.approx(100 * (1 - 20 / 32))


def test_compare_gives_the_saving_of_the_means_and_its_error():
    without, better = torch.tensor([100.0, 100, 100, 100]), torch.tensor([96.0, 98, 96, 98])
    row = comparison.compare("bytes", "x", without, better)
    assert row.saved_percent == pytest.approx(3)
    assert row.standard_error == pytest.approx(np.std([4, 2, 4, 2], ddof=1) / 2)


@pytest.fixture
def data(tmp_path):
    """A folder of 24 training faces, one in three with a border, and a tar of three others."""
    canvas = frame("tests/assets/astronaut.png")
    rgba = np.dstack([canvas, np.full((128, 128), 255, np.uint8)])
    pictures = [np.roll(rgba, shift, 1) for shift in range(27)]
    for pixels in pictures[1::3]:
        pixels[:20, :, 3] = 0
    write_tar(tmp_path / "training.tar", dict(enumerate(pictures[:24])))
    (tmp_path / "other").mkdir()
    write_tar(tmp_path / "other" / "new.tar", dict(enumerate(pictures[24:])))
    return tmp_path


@pytest.mark.skip(reason="it measures models of one group, and those that ship have several")
def test_the_command_writes_its_table(data, capsys):
    arguments = f"--data {data} --faces {data}/other/new.tar --epochs 1 -o {data}/prior.csv"
    command.main(arguments.split())
    with (data / "prior.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["name"] == "level 0, 25 tokens"
    assert [row["name"] for row in rows[-5:]] == [f"at most {size}" for size in comparison.SIZES]
    assert {row["faces"] for row in rows[-5:]} == {"3"}
    assert 30 < float(rows[-5]["without"]) <= 32
    assert "| bytes, evaluation faces | at most 192 | 3 |" in capsys.readouterr().out


def test_a_model_of_groups_and_too_few_faces_are_refused():
    faces = np.zeros((5, 128, 128, 4), np.uint8)
    for groups, complaint in ((2, "2 groups"), (1, "0 training faces that fill the canvas")):
        tokenizer = LevelTokenizer(4, groups, [(4, 1, 8, 4)])
        with pytest.raises(ValueError, match=complaint):
            experiment.measure(tokenizer, faces, faces, epochs=1)
