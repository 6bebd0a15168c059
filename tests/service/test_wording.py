"""Messages of the service name its own parameters and routes, not the command line's."""

import ast
import re
import sys
from pathlib import Path

import pytest

from stc.service.wording import in_parameters
from tests.carriers.test_claim import TOKEN, text_of
from tests.carriers.test_claim import code as picture_of_code
from tests.service.conftest import ask
from tests.service.test_app import picture_of

# Advice that no client gets: the service has an error of its own for a file of another model.
UNREACHED = "name the weights with --model"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("if it is cropped, try --align never", "if it is cropped, try align=never"),
        ("crop it, or try --face largest", "crop it, or try face=largest"),
        ("it begins with '--face value'", "it begins with '--face value'"),
        ("nothing to change", "nothing to change"),
    ],
)
def test_options_become_parameters(message, expected):
    assert in_parameters(message) == expected


def test_no_message_of_the_codec_keeps_an_option():
    found = []
    for part in ("api.py", "settings.py", "imaging", "codec", "bitstream", "carriers", "service"):
        place = Path("stc", part)
        for file in [place] if place.suffix else sorted(place.rglob("*.py")):
            tree = ast.parse(file.read_text())
            documents = {
                id(node.body[0].value)
                for node in ast.walk(tree)
                if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
                and node.body
                and isinstance(node.body[0], ast.Expr)
            }
            found += [
                (str(file), node.value)
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documents
                and re.search(r"(^|[\s`(])--[a-z]|\bstc (encode|decode|info|qr)\b", node.value)
            ]
    # What follows is read by clients: the other options are those of curl, in stc/service.
    kept = [
        (file, text)
        for file, text in found
        if re.search(r"--[a-z]|\bstc [a-z]", in_parameters(text))
        and "curl --data-binary" not in text
        and UNREACHED not in text
        and not text.startswith("--(align")
    ]
    assert kept == []
    assert len(found) >= 3


def test_a_picture_without_a_face(app):
    message = ask(app, "POST", "/encode", content=picture_of("green")).json()["message"]
    assert "try align=never" in message
    assert "--" not in message


def test_several_faces(app, monkeypatch, astronaut):
    from stc.errors import SeveralFacesError
    from stc.service import work

    def several(*_, **__):
        raise SeveralFacesError("2 faces found; crop the picture, or try --face largest")

    monkeypatch.setattr(work.api, "encode_pictures", several)
    message = ask(app, "POST", "/encode", content=astronaut).json()["message"]
    assert message == "2 faces found; crop the picture, or try face=largest"


def test_a_picture_to_decode(app, astronaut, monkeypatch):
    answer = ask(app, "POST", "/decode", content=astronaut)
    assert (answer.status_code, answer.json()["error"]) == (422, "NoCodeError")
    assert answer.json()["message"].endswith("; to encode the face in it, send it to /encode")
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    answer = ask(app, "POST", "/decode", content=astronaut)
    assert (answer.status_code, answer.json()["error"]) == (500, "MissingExtraError")
    assert answer.json()["message"] == (
        "the body is a picture: to encode the face in it, send it to /encode; this server cannot "
        "read a QR code in it: zxingcpp is missing: pip install 'stc-face-codec[qr]'"
    )


@pytest.mark.parametrize("query", ["", "?bare=true"])
@pytest.mark.parametrize("carry", [text_of, lambda token: picture_of_code(text_of(token))])
def test_a_claim_to_decode(app, query, carry):
    answer = ask(app, "POST", f"/decode{query}", content=carry(TOKEN))
    assert (answer.status_code, answer.json()["error"]) == (422, "BadMagicError")
    assert "a signed identity claim" in answer.json()["message"]
    assert "examples/claim169.py" in answer.json()["message"]
