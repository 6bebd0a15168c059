"""The example runs, and its reader rejects invalid claims."""

import importlib.util
import zlib

import cbor2
import cwt
import pytest
import segno
from base45 import b45decode, b45encode
from PIL import Image

import stc
from stc.carriers import qr


@pytest.fixture(scope="module")
def claim169():
    spec = importlib.util.spec_from_file_location("claim169", "examples/claim169.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def keys(claim169):
    return claim169.new_keys()


def text_of(data):
    return b45encode(zlib.compress(data))


def test_it_makes_a_card_and_reads_it(claim169, tmp_path, capsys):
    card, face = tmp_path / "card.png", tmp_path / "face.png"
    words = ["tests/assets/astronaut.png", "-o", str(card), "--face", str(face)]
    assert claim169.main(words) == 0
    said = capsys.readouterr().out
    assert "characters, 15-M" in said
    assert "with a face of 484 bytes, as in the sample: 10" in said
    assert "characters, 21-M" in said
    assert "face unchanged: True" in said
    with Image.open(face) as picture:
        assert picture.size == (256, 256)
        assert "Reconstructed" in picture.text["Description"]


def test_the_claim_has_the_form_of_the_specification(claim169, keys, face_file):
    private, public = keys
    text = claim169.to_text(claim169.claims(face_file), private)
    signed = zlib.decompress(b45decode(text))
    outer = cbor2.loads(signed)
    assert (outer.tag, outer.value.tag) == (61, 18)  # CWT, COSE_Sign1
    protected, unprotected, payload, signature = outer.value.value
    assert cbor2.loads(protected) == {1: -8}  # EdDSA
    assert unprotected == {4: b"1"}
    assert len(signature) == 64
    identity = cbor2.loads(payload)[169]
    assert identity[62] == [{0: face_file, 1: 0, 2: 100, 3: "STC"}]
    assert claim169.face_of(claim169.from_text(text.encode(), public)) == face_file


def test_forgeries_are_refused(claim169, keys, face_file):
    private, public = keys
    other, _ = claim169.new_keys()
    claims = claim169.claims(face_file)
    with pytest.raises(cwt.VerifyError):
        claim169.from_text(claim169.to_text(claims, other).encode(), public)
    token = cwt.encode(claims, private, tagged=True)
    changed = token.replace(b"Jane Doe", b"Jane Dot")
    with pytest.raises(cwt.VerifyError):
        claim169.from_text(text_of(changed), public)
    for unsigned in (claims, cbor2.CBORTag(61, claims), cbor2.CBORTag(61, cbor2.CBORTag(17, []))):
        with pytest.raises(ValueError, match="not signed"):
            claim169.from_text(text_of(cbor2.dumps(unsigned)), public)
    expired = cwt.encode({**claims, 4: 1}, private, tagged=True)
    with pytest.raises(cwt.VerifyError):
        claim169.from_text(text_of(expired), public)


def test_a_bomb_is_not_unpacked(claim169, keys):
    with pytest.raises(ValueError, match="longer than 16384"):
        claim169.from_text(text_of(bytes(10**6)), keys[1])


def test_a_claim_with_another_vendors_face(claim169, face_file):
    for face in ({0: b"x", 1: 0, 2: 4}, {0: b"x", 1: 0, 2: 100, 3: "Other"}):
        with pytest.raises(ValueError, match="no face"):
            claim169.face_of({169: {62: [face]}})
        assert claim169.face_of({169: {62: [face, *claim169.claims(face_file)[169][62]]}})


def test_any_scanner_hands_on_the_text(claim169, keys, face_file, tmp_path):
    text = claim169.to_text(claim169.claims(face_file), keys[0])
    path = tmp_path / "card.png"
    segno.make_qr(text, error="Q", mode="alphanumeric").save(str(path), scale=5)
    assert qr.contents(path) == [text.encode()]
    face = claim169.face_of(claim169.from_text(text.encode(), keys[1]))
    assert stc.info(face).size == len(face_file)


def test_a_picture_without_a_face_is_one_line_on_stderr(claim169, tmp_path, capsys):
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    with pytest.raises(SystemExit) as stopped:
        claim169.main([str(tmp_path / "black.png"), "-o", str(tmp_path / "card.png")])
    assert stopped.value.code == 1
    assert "error: no face" in capsys.readouterr().err
    assert not (tmp_path / "card.png").exists()
