"""Requests that are refused or accepted: unknown parameters, wrapped bodies, text, HEAD."""

import base64
import gzip
import json
import sys

import pytest

import stc
from stc.carriers import qr
from tests.service.conftest import ask

WORDS = "send the file's bytes as the body"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/encode?max-bytes=96", "did you mean max_bytes?"),
        ("/encode?maxBytes=96", "did you mean max_bytes?"),
        ("/encode?MAX_BYTES=96", "did you mean max_bytes?"),
        ("/encode?max_bytes=96&quality=0.5", "did you mean min_quality?"),
        ("/encode?size=96", "no parameter 'size' here, only for /decode"),
        ("/encode?" + "x" * 5000 + "=1", "known: form, max_bytes, stages"),
        ("/encode?max_bytes=96&max_bytes=48", "max_bytes: given 2 times"),
        ("/decode?width=1", "known: size, mark, bare"),
        ("/decode?sise=1", "did you mean size?"),
    ],
)
def test_an_unknown_parameter_is_named(app, path, hint):
    answer = ask(app, "POST", path, content=b"never read")
    assert (answer.status_code, answer.json()["error"]) == (400, "ArgumentError")
    assert hint in answer.json()["message"]
    assert len(answer.json()["message"]) < 300


def form(data):
    return {"files": {"file": ("photo.png", data)}}


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (lambda data: form(data), "multipart/form-data is not supported"),
        (lambda data: {"content": form_body(data)}, "the body is a form"),
        (lambda data: {"content": base64.b64encode(data)}, "the body is Base64"),
        (lambda data: {"content": gzip.compress(data)}, "the body is gzip"),
        (lambda data: {"content": b"data:image/png;base64," + data}, "the body is Base64"),
        (lambda data: {"json": {"image": base64.b64encode(data).decode()}}, "the body is JSON"),
        (
            lambda data: {"content": gzip.compress(data), "headers": {"Content-Encoding": "gzip"}},
            "Content-Encoding 'gzip' is not supported",
        ),
    ],
)
def test_a_wrapped_picture_is_refused_with_advice(app, astronaut, sent, what):
    answer = ask(app, "POST", "/encode", **sent(astronaut))
    assert (answer.status_code, answer.json()["error"]) == (415, "MediaTypeError")
    assert what in answer.json()["message"]
    assert WORDS in answer.json()["message"]


def form_body(data):
    """The body of a form that is sent without its media type."""
    return b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + data + b"\r\n--x--\r\n"


def test_a_form_is_no_file_either(app, face_file):
    answer = ask(app, "POST", "/decode", **form(face_file))
    assert answer.status_code == 415


@pytest.mark.parametrize("kind", ["image/png", "application/x-www-form-urlencoded", "text/plain"])
def test_the_media_type_does_not_matter_otherwise(app, face_file, kind):
    """curl --data-binary sends the media type of a form."""
    answer = ask(app, "POST", "/decode", content=face_file, headers={"Content-Type": kind})
    assert answer.status_code == 200


def carried(file):
    """A .stc file in each of its carriers."""
    text = qr.to_text(file)
    return {
        "text": text.encode(),
        "scanned": text.lower().encode() + b"\r\n",
        "answer": json.dumps({"base45": text, "bytes": len(file), "quality": 0.9}).encode(),
        "code": qr.make(file).draw(),
    }


@pytest.mark.parametrize("kind", ["text", "scanned", "answer", "code"])
def test_what_carries_a_file_is_decoded(app, face_file, kind):
    direct = ask(app, "POST", "/decode", content=face_file)
    answer = ask(app, "POST", "/decode", content=carried(face_file)[kind])
    assert answer.status_code == 200
    assert answer.content == direct.content


def test_a_bare_file_s_text_is_decoded(app):
    file = stc.encode("tests/assets/astronaut.png", bare=True, effort=0)
    direct = ask(app, "POST", "/decode?bare=true", content=file)
    answer = ask(app, "POST", "/decode?bare=true", content=carried(file)["scanned"])
    assert (direct.status_code, answer.status_code) == (200, 200)
    assert answer.content == direct.content


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[1, 2]",
        b'{"base45": 5}',
        b'{"base45": "\xc3\xa9"}',
        b"{" * 100_000,
        b'{"a":' * 9999,
    ],
)
def test_other_json_is_no_file(app, body):
    answer = ask(app, "POST", "/decode", content=body)
    assert (answer.status_code, answer.json()["error"]) == (422, "BadMagicError")


def test_a_code_in_too_many_pixels_is_refused_by_its_header(app, monkeypatch):
    def unread(*_, **__):
        raise AssertionError("its pixels were decoded")

    monkeypatch.setattr(sys.modules["stc.carriers.qr"], "read", unread)
    answer = ask(app, "POST", "/decode", content=huge_bitmap())
    assert (answer.status_code, answer.json()["error"]) == (422, "ImageError")


def huge_bitmap():
    """The header of a bitmap of 10,000 x 10,000 pixels."""
    return b"P4\n10000 10000\n"


@pytest.mark.parametrize("path", ["/health", "/metrics", "/openapi.json"])
def test_head_is_get_without_a_body(app, path):
    full, head = ask(app, "GET", path), ask(app, "HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == full.headers["content-type"]
    if path != "/metrics":  # its counters change between requests
        assert int(head.headers["content-length"]) == len(full.content)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("HEAD", "/encode", 405, None),
        ("GET", "/decode", 405, "Method Not Allowed: this route supports POST"),
        ("POST", "/health", 405, "Method Not Allowed: this route supports GET, HEAD"),
        ("POST", "/encode/", 404, "there are /encode, /decode, /health"),
    ],
)
def test_what_is_not_there_says_what_is(app, method, path, status, message):
    answer = ask(app, method, path, content=b"x" * 999)
    assert answer.status_code == status
    if status == 405:
        assert answer.headers["allow"] == ("GET, HEAD" if path == "/health" else "POST")
    if message is None:
        assert answer.content == b""
    else:
        assert answer.json()["error"] == "HttpError"
        assert message in answer.json()["message"]


def test_health_of_a_server_without_its_model(app, monkeypatch, caplog):
    """Every error is JSON; the log has only its class."""

    def broken(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr("stc.service.dispatch.load_codec", broken)
    from stc.service import create_app

    answer = ask(create_app(threads=1), "GET", "/health")
    assert (answer.status_code, answer.json()["error"]) == (500, "InternalError")
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("stc")]
    assert logged == ["GET failed: RuntimeError"]
    assert "secret" not in caplog.text + answer.text
