"""Unknown options and verbs: the message names the one that was probably meant."""

import pytest

from stc.cli.main import VERBS, main


def refused(words, capsys):
    """The message of a command with invalid arguments."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("encode x.jpg --maxbytes 96", "--maxbytes 96; --maxbytes: did you mean --max-bytes?"),
        ("encode x.jpg --maxBytes=96", "--maxBytes: did you mean --max-bytes?"),
        ("encode --maxbytes 96 x.jpg", "--maxbytes: did you mean --max-bytes?"),
        ("encode x.jpg -max-bytes 96", "-max-bytes: did you mean --max-bytes?"),
        ("--maxbytes 96 encode x.jpg", "--maxbytes: did you mean --max-bytes, after encode?"),
        ("--maxbytes=96 encode x.jpg", "--maxbytes: did you mean --max-bytes, after encode?"),
        ("--max-bytes 96 encode x.jpg", "--max-bytes: give it after encode"),
        ("--verbsoe info x", "--verbsoe: did you mean --verbose?"),
        ("info x --verbsoe", "--verbsoe: did you mean --verbose?"),
        ("protect enroll x --key k --outptu y", "--outptu: did you mean --output?"),
        ("protect --kye k match x y", "--kye: did you mean --key, after match?"),
        ("encode x --efort 1 --modle m", "mean --effort?; --modle: did you mean --model?"),
        ("enocde x.jpg", "did you mean encode?"),
        ("protect keygne -o k", "did you mean keygen?"),
    ],
)
def test_a_misspelt_word_is_understood(words, message, capsys):
    assert message in refused(words.split(), capsys)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_suggests_its_options(verb, capsys):
    # Verbs whose arguments are missing complain about these, and still about the option.
    assert "--hlep: did you mean --help?" in refused([verb, "x", "--hlep"], capsys)
    assert "--hlep: did you mean --help?" in refused(["--hlep", verb, "x"], capsys)


@pytest.mark.parametrize(
    "words",
    [
        "encode x --zzzz",
        "encode x --align neve",  # a wrong value of a known option
        "encode x --max 5 --model y --effort high",  # a shortened option
        "encode x --effort -1",
        "info -qx y",
        "zzzz",
    ],
)
def test_nothing_is_guessed_without_a_reason(words, capsys):
    assert "did you mean" not in refused(words.split(), capsys)
