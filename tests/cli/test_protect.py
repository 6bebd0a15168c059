"""`stc protect`, each subcommand, with a stand-in for a recognition model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from stc.cli.main import main
from stc.protection import Key, ProtectedTemplate, Revocations

FACE = "tests/assets/astronaut.png"


pytestmark = pytest.mark.usefixtures("thumbnails")


@pytest.fixture
def record(tmp_path, key):
    target = str(tmp_path / "a.stp")
    words = ["enroll", FACE, "-o", target, "--key", key, "--head", "plain", "--id", "eileen"]
    assert main(["protect", "-q", *words]) == 0
    return target


def test_a_key_is_made_once_and_never_shown(tmp_path, capsys):
    target = tmp_path / "k"
    assert main(["protect", "keygen", "-o", str(target)]) == 0
    secret = target.read_text().split()[-1]
    assert secret not in capsys.readouterr().out
    assert main(["protect", "keygen", "-o", str(target)]) == 10
    assert target.read_text().split()[-1] == secret
    assert "never overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["protect", "keygen", "-o", "k", "-q"],
        ["protect", "keygen", "-q", "-o", "k"],
        ["protect", "keygen", "-qo", "k"],
        ["protect", "-q", "keygen", "-o", "k"],
        ["-q", "protect", "keygen", "-o", "k"],
        ["protect", "keygen", "--output", "k", "--quiet"],
    ],
)
def test_a_key_is_made_without_a_word(words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 0
    assert capsys.readouterr() == ("", "")
    assert Key.load(tmp_path / "k")


@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
def test_a_key_is_not_printed(target, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["protect", "keygen", "-o", target]) == 8
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is not written to a stream" in captured.err
    assert list(tmp_path.iterdir()) == []


def test_enroll_and_match(record, key, capsys):
    words = [FACE, record, "--key", key, "--head", "plain"]
    assert main(["protect", "match", *words]) == 0
    score, name = capsys.readouterr().out.split()
    assert float(score) > 0.99  # one key in a thousand loses more than .001
    assert name == "eileen"
    assert main(["protect", "match", *words, "--threshold", "1"]) == 1
    assert capsys.readouterr().out == ""


def test_a_record_is_not_overwritten(record, key, capsys):
    words = ["enroll", FACE, "-o", record, "--key", key, "--head", "plain"]
    before = Path(record).read_bytes()
    assert main(["protect", *words]) == 10
    assert f"{record} exists: give --force" in capsys.readouterr().err
    assert Path(record).read_bytes() == before
    assert main(["protect", *words, "--force"]) == 0
    assert Path(record).read_bytes() != before


def test_pictures_of_one_name_never_share_an_id(key, tmp_path, capsys):
    ids = set()
    for number in range(3):
        target = str(tmp_path / f"{number}.stp")
        words = ["enroll", FACE, "-o", target, "--key", key, "--head", "plain"]
        assert main(["protect", *words]) == 0
        ids.add(capsys.readouterr().out.split()[-1])
    assert len(ids) == 3
    assert all(name.startswith("astronaut-") and len(name) == 22 for name in ids)


def test_a_search_while_a_key_is_replaced(record, key, tmp_path, capsys):
    new = str(tmp_path / "new")
    main(["protect", "-q", "keygen", "-o", new])
    words = [FACE, record, "--key", key, "--new-key", new, "--head", "plain"]
    words += ["--revoked", str(tmp_path / "revoked"), "-o", str(tmp_path / "b.stp")]
    assert main(["protect", "renew", *words, "--threshold", "1.1"]) == 1
    assert "nothing is changed" in capsys.readouterr().err
    assert not (tmp_path / "revoked").exists()
    assert main(["protect", "renew", *words]) == 0
    assert "the old record 0.99" in capsys.readouterr().out
    words = [FACE, record, str(tmp_path / "b.stp"), "--key", new, "--head", "plain"]
    assert main(["protect", "match", *words]) == 8
    assert "record eileen was not made with this key" in capsys.readouterr().err
    assert main(["protect", "match", *words, "--skip-other-keys"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_renew_overwrites_nothing_else_and_no_record_twice(record, key, tmp_path, capsys):
    words = [FACE, record, "--key", key, "--head", "plain"]
    words += ["--revoked", str(tmp_path / "revoked"), "-o"]
    secret = (tmp_path / "k").read_bytes()
    assert main(["protect", "renew", *words, key]) == 10
    assert "no renewal of the record" in capsys.readouterr().err
    assert (tmp_path / "k").read_bytes() == secret
    assert main(["protect", "renew", *words, str(tmp_path / "b.stp")]) == 0
    assert main(["protect", "renew", *words, str(tmp_path / "c.stp")]) == 8
    assert "was revoked" in capsys.readouterr().err
    words[1] = str(tmp_path / "b.stp")
    assert main(["protect", "renew", *words, str(tmp_path / "b.stp")]) == 0
    assert len((tmp_path / "revoked").read_text().split()) == 2


def test_a_list_that_is_not_there_is_no_empty_list(record, key, tmp_path, capsys):
    words = [FACE, record, "--key", key, "--head", "plain", "--revoked"]
    assert main(["protect", "match", *words, str(tmp_path / "none")]) == 11
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert main(["protect", "match", *words, str(tmp_path / "bytes")]) == 4
    assert "not a list of revoked records" in capsys.readouterr().err


def test_lists_that_are_none(record, key, tmp_path, capsys):
    words = [FACE, record, "--key", key, "--head", "plain", "--revoked", str(tmp_path / "list")]
    with (tmp_path / "list").open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    assert main(["protect", "match", *words]) == 4
    assert "a list of revoked records has at most" in capsys.readouterr().err
    (tmp_path / "list").write_text("0123456789abcdef\n0123")
    assert main(["protect", "match", *words]) == 4
    assert "16 hex digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        ("", ""),
        ("0123456789abcdef\n", "0123456789abcdef\n"),
        ("0123456789abcdef", "0123456789abcdef\n"),
        ("0123456789abcdef\n0123", "0123456789abcdef\n"),
        ("0123", ""),
        ("0123456789ABCDEF\r\n", "0123456789ABCDEF\r\n"),
    ],
)
def test_a_list_is_added_to_whatever_its_end(there, kept, record, key, tmp_path):
    """An incomplete line, after an interruption, is no revocation, and is removed."""
    path = tmp_path / "list"
    path.write_bytes(there.encode())
    words = [FACE, record, "--key", key, "--head", "plain", "--revoked", str(path)]
    assert main(["protect", "-q", "renew", *words, "-o", str(tmp_path / "b.stp")]) == 0
    text = path.read_bytes().decode()
    assert text.startswith(kept)
    assert len(text) == len(kept) + 17
    assert len(Revocations.from_text(text)) == 1 + bool(kept)


def test_a_list_that_is_none_is_not_added_to(record, key, tmp_path):
    path = tmp_path / "list"
    path.write_text("a letter to a friend")
    words = [FACE, record, "--key", key, "--head", "plain", "--revoked", str(path)]
    assert main(["protect", "renew", *words, "-o", str(tmp_path / "b.stp")]) == 4
    assert path.read_text() == "a letter to a friend"
    assert not (tmp_path / "b.stp").exists()


def test_a_folder_that_vanishes(key, tmp_path, capsys, monkeypatch):
    """The output folder is removed during face detection."""
    from stc.cli.protect import enroll

    real = enroll.template_of

    def vanish(*given):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        return real(*given)

    monkeypatch.setattr(enroll, "template_of", vanish)
    words = ["enroll", FACE, "-o", str(tmp_path / "out") + "/", "--key", key, "--head", "plain"]
    assert main(["protect", *words]) == 11
    assert capsys.readouterr().err.startswith("stc: error: ")


def test_a_renewal_into_a_folder_that_vanishes(record, key, tmp_path, capsys, monkeypatch):
    from stc.cli.protect import renew

    (tmp_path / "out").mkdir()
    real = renew.template_of

    def vanish(*given):
        (tmp_path / "out").rmdir()
        return real(*given)

    monkeypatch.setattr(renew, "template_of", vanish)
    words = [FACE, record, "--key", key, "--head", "plain", "--revoked", str(tmp_path / "list")]
    assert main(["protect", "renew", *words, "-o", str(tmp_path / "out" / "b.stp")]) == 11
    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "list").exists()


def test_a_renewal_to_stdout(record, key, tmp_path, capfdbinary):
    words = [FACE, record, "--key", key, "--head", "plain", "--revoked", str(tmp_path / "list")]
    assert main(["protect", "renew", *words, "-o", "-"]) == 0
    captured = capfdbinary.readouterr()
    assert ProtectedTemplate.from_bytes(captured.out).generation == 1
    assert b"generation 1; score of the picture" in captured.err
    assert len((tmp_path / "list").read_text()) == 17


def test_many_records_are_matched_a_part_at_a_time(record, key, tmp_path, capsys, monkeypatch):
    from stc.cli.protect import match

    monkeypatch.setattr(match, "_PART", 3)
    many = tmp_path / "many.stp"
    many.write_bytes(Path(record).read_bytes() * 10)
    words = [FACE, str(many), record, "--key", key, "--head", "plain"]
    assert main(["protect", "match", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert len(set(lines)) == 1
    assert main(["protect", "match", *words, "--top", "4", "--threshold", "0.5"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_ids_are_shown_without_what_moves_a_terminal(key, tmp_path, capsys):
    target = str(tmp_path / "x.stp")
    words = ["enroll", FACE, "-o", target, "--key", key, "--head", "plain"]
    assert main(["protect", *words, "--id", "a\n\x1b[31mb"]) == 0
    assert main(["protect", "info", target]) == 0
    assert "a\\n\\x1b[31mb: generation 0" in capsys.readouterr().out
    assert main(["protect", *words[:2], "-o", "y", *words[4:], "--id", "\udce9"]) == 8


def test_a_wrong_key(record, tmp_path, capsys):
    other = str(tmp_path / "other")
    main(["protect", "-q", "keygen", "-o", other])
    assert main(["protect", "match", FACE, record, "--key", other, "--head", "plain"]) == 8
    assert "not made with this key" in capsys.readouterr().err


def test_info(record, capsys):
    assert main(["protect", "info", record]) == 0
    assert "eileen: generation 0" in capsys.readouterr().out
    assert main(["protect", "info", record, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["groups"], told["size"], told["kept"], told["alpha"]) == (12, 16, 8, 0.9)
    assert main(["protect", "info", FACE]) == 4


def test_renew_revokes(record, key, tmp_path, capsys):
    new, revoked = str(tmp_path / "b.stp"), str(tmp_path / "revoked")
    words = [FACE, record, "--key", key, "--head", "plain", "--revoked", revoked, "-o", new]
    assert main(["protect", "-q", "renew", *words]) == 0
    words = [FACE, record, new, "--key", key, "--head", "plain", "--revoked", revoked]
    assert main(["protect", "match", *words]) == 0
    first, second = capsys.readouterr().out.split("\n")[:2]
    assert float(first.split()[0]) > 0.99
    assert float(second.split()[0]) == -1


def test_no_head_ships_for_another_recogniser(key, tmp_path, capsys):
    words = ["enroll", FACE, "-o", str(tmp_path / "x"), "--key", key, "--head", "map"]
    assert main(["protect", *words]) == 6
    assert "stc protect fit (pip install 'stc-face-codec[lab]')" in capsys.readouterr().err


def test_several_pictures_have_no_one_id(key, tmp_path, capsys):
    words = ["enroll", FACE, FACE, "-o", str(tmp_path / "x/"), "--key", key, "--id", "a"]
    (tmp_path / "x").mkdir()
    assert main(["protect", *words]) == 2
    assert "would both be written" in capsys.readouterr().err
    words[2] = "tests/assets/other.png"
    assert main(["protect", *words]) == 1
    assert "--id is for one picture, not for 2" in capsys.readouterr().err


def test_the_laboratory_is_not_loaded():
    code = "import sys; from stc.cli.main import main; main(['protect', 'info', 'none']); "
    code += "sys.exit(any(n.startswith(('stc.lab', 'importlib.metadata')) for n in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, "none: No such file" in result.stderr) == (0, True), result.stderr


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_flags_stand_before_and_after_every_verb(place, record, capsys):
    words = ["protect", "info", record]
    assert main(words) == 0
    assert "eileen" in capsys.readouterr().out
    assert main([*words[:place], "-q", *words[place:]]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verb", ["match", "renew", "enroll"])
def test_a_picture_without_a_face_is_named(verb, record, key, tmp_path, capsys):
    empty = str(tmp_path / "empty.png")
    Image.new("RGB", (200, 200), "green").save(empty)
    more = {
        "match": [record],
        "renew": [record, "--revoked", str(tmp_path / "revoked"), "-o", str(tmp_path / "b.stp")],
        "enroll": ["-o", str(tmp_path / "b.stp")],
    }
    assert main(["protect", verb, empty, *more[verb], "--key", key, "--head", "plain"]) == 3
    assert capsys.readouterr().err.startswith(f"stc: error: {empty}: no face found")


@pytest.mark.parametrize("verb", ["match", "renew", "enroll"])
def test_the_face_is_chosen_as_by_encode(verb, record, key, tmp_path, capsys):
    """The errors of framing name --face and --align, so every verb that raises them has these."""
    face = Image.open(FACE).convert("RGB")
    two = Image.new("RGB", (2 * face.width, face.height))
    two.paste(face, (0, 0))
    two.paste(face, (face.width, 0))
    two.save(tmp_path / "two.png")
    Image.new("RGB", (200, 200), "green").save(tmp_path / "empty.png")
    for picture, *option in (("two.png", "--face", "largest"), ("empty.png", "--align", "never")):
        target = ["-o", str(tmp_path / f"{picture}.stp")]
        more = {
            "match": [record],
            "renew": [record, "--revoked", str(tmp_path / f"{picture}.txt"), *target],
            "enroll": target,
        }
        words = ["protect", verb, str(tmp_path / picture), *more[verb], "--key", key]
        words += ["--head", "plain"]
        assert main(words) == 3
        assert " ".join(option) in capsys.readouterr().err
        assert main([*words, *option]) == 0


@pytest.mark.parametrize("verb", ["match", "info", "index", "renew"])
def test_an_empty_file_is_no_record(verb, record, key, tmp_path, capsys):
    """A record that was lost must not be passed over as if nobody had been enrolled."""
    empty = str(tmp_path / "empty.stp")
    Path(empty).touch()
    target = ["--key", key, "-o", str(tmp_path / "out")]
    words = {
        "match": [FACE, record, empty, "--key", key, "--head", "plain"],
        "info": [empty],
        "index": [record, empty, *target],
        "renew": [FACE, empty, *target, "--head", "plain", "--revoked", str(tmp_path / "revoked")],
    }
    assert main(["protect", verb, *words[verb]]) == 4
    assert f"{empty} is empty" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_renewal_is_not_written_into_its_list(record, key, tmp_path, capsys):
    both = str(tmp_path / "both")
    words = [FACE, record, "--key", key, "--head", "plain", "--revoked", both, "-o", both]
    assert main(["protect", "renew", *words]) == 2
    assert "both the new record and the list" in capsys.readouterr().err
    assert not Path(both).exists()


@pytest.mark.parametrize("threshold", ["nan", "inf"])
def test_a_threshold_is_finite(threshold, record, key, capsys):
    words = ["match", FACE, record, "--key", key, "--head", "plain", "--threshold", threshold]
    with pytest.raises(SystemExit, match="2"):
        main(["protect", *words])
    assert "is not a finite number" in capsys.readouterr().err
