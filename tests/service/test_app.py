"""The routes of the service, without a network, and a server on loopback under load."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading

import httpx
import pytest
import uvicorn
from base45 import b45decode
from PIL import Image

import stc
from stc.cli.main import main
from stc.codec.model_file import DEFAULT, open_model, save_model
from stc.errors import (
    BackendError,
    DataError,
    MissingExtraError,
    ModelMissingError,
    NoFaceError,
    SettingsError,
    WrongModelError,
)
from stc.service import Limits, create_app, dispatch
from stc.service import app as service
from tests.service.conftest import PATIENT, ask, serving

ASTRONAUT = "tests/assets/astronaut.png"


def picture_of(colour, size=(200, 200), mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def chunks(data, size=50_000):
    """A body in chunks, without Content-Length."""

    async def parts():
        for start in range(0, len(data), size):
            yield data[start : start + size]

    return parts()


def test_a_picture_becomes_a_file_and_a_picture_again(app, astronaut):
    answer = ask(app, "POST", "/encode?max_bytes=96", content=astronaut)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.stc-face"
    assert int(answer.headers["stc-bytes"]) == len(answer.content) <= 96
    assert 0.8 < float(answer.headers["stc-quality"]) < 1
    assert answer.content == stc.encode(ASTRONAUT, max_bytes=96)
    back = ask(app, "POST", "/decode?size=100&mark=true", content=answer.content)
    assert back.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(back.content)) as picture:
        assert picture.size == (100, 100)
        assert "Reconstructed" in picture.text["Description"]


def test_base45(app, astronaut):
    answer = ask(app, "POST", "/encode?form=base45", content=chunks(astronaut)).json()
    data = b45decode(answer["base45"])
    assert answer["bytes"] == len(data) == stc.info(data).size
    assert 0.9 < answer["quality"] < 1


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/encode", b"", 422, "ImageError"),
        ("/encode", b"not a picture", 422, "ImageError"),
        ("/encode", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 422, "ImageError"),
        ("/encode", picture_of("green"), 422, "NoFaceError"),
        ("/encode", picture_of(0, (7000, 8000), "1"), 422, "ImageError"),
        ("/encode?align=never&max_bytes=3", picture_of("green"), 422, "BudgetError"),
        ("/encode?align=never&stages=99", picture_of("green"), 422, "SettingsError"),
        ("/encode?align=never&min_quality=1", "astronaut", 422, "QualityError"),
        ("/encode?align=sometimes", b"", 422, "ArgumentError"),
        ("/encode?min_quality=2", b"", 422, "SettingsError"),
        ("/encode?effort=10", b"", 422, "SettingsError"),
        ("/encode?effort=high", b"", 422, "ArgumentError"),
        ("/encode?max_bytes=9&stages=1", b"", 422, "SettingsError"),
        ("/decode", b"", 422, "TruncatedError"),
        ("/decode", b"\x89PNG", 422, "BadMagicError"),
        ("/decode", b"\xfa\xc1" + bytes(9), 422, "CorruptError"),
        ("/decode", bytes(70_000), 422, "BadMagicError"),
        ("/decode?size=5000", b"", 422, "ArgumentError"),
        ("/nothing", b"", 404, "HttpError"),
    ],
)
def test_errors_have_a_class_and_a_message(app, astronaut, path, body, status, error):
    answer = ask(app, "POST", path, content=astronaut if body == "astronaut" else body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"]


def test_a_body_is_not_read_beyond_the_limit(astronaut):
    small = create_app(Limits(body=100_000, seconds=600), threads=1)
    for body in (astronaut, chunks(astronaut)):
        answer = ask(small, "POST", "/encode", content=body)
        assert (answer.status_code, answer.json()["error"]) == (413, "BodyTooLargeError")


def test_work_beyond_the_time_limit_is_given_up(monkeypatch):
    slow = create_app(Limits(seconds=1, waiting=1), threads=1)
    done = threading.Event()
    monkeypatch.setattr(service, "encode", lambda *_: done.wait(60))
    late = ask(slow, "POST", "/encode", content=b"x")
    assert (late.status_code, late.json()["error"]) == (504, "TimeLimitError")
    # The thread is still busy with the first request, and only one may wait or run.
    busy = ask(slow, "POST", "/encode", content=b"x")
    done.set()
    assert (busy.status_code, busy.json()["error"]) == (503, "BusyError")
    assert busy.headers["retry-after"] == "1"


def test_a_body_that_does_not_come_is_not_waited_for():
    slow = create_app(Limits(seconds=0.05), threads=1)

    async def trickle():
        yield b"x"
        await asyncio.sleep(5)

    answer = ask(slow, "POST", "/encode", content=trickle())
    assert (answer.status_code, answer.json()["error"]) == (408, "TimeLimitError")


def test_what_goes_wrong_inside_stays_inside(app, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(service, "encode", broken)
    answer = ask(app, "POST", "/encode", content=b"x")
    assert (answer.status_code, answer.json()["error"]) == (500, "InternalError")
    assert "secret" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize(
    ("raised", "status", "name", "told"),
    [
        (NoFaceError("none"), 422, "NoFaceError", "none"),
        (SettingsError("stages"), 422, "SettingsError", "stages"),
        (ValueError("secret"), 500, "InternalError", "an internal error of the server"),
        (DataError("secret"), 500, "InternalError", "an internal error of the server"),
        (ModelMissingError("no weights"), 500, "ModelMissingError", "no weights"),
        (WrongModelError("damaged"), 500, "WrongModelError", "damaged"),
        (BackendError("no backend"), 500, "BackendError", "no backend"),
        (MissingExtraError("no library"), 500, "MissingExtraError", "no library"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_only_what_was_sent_is_the_sender_s_fault(
    app, raised, status, name, told, monkeypatch, caplog
):
    def fail(*_):
        raise raised

    monkeypatch.setattr(service, "encode", fail)
    answer = ask(app, "POST", "/encode", content=b"x")
    assert answer.status_code == status
    assert answer.json() == {"error": name, "message": told}
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("stc")]
    assert logged == ([] if status == 422 else [f"encode failed: {type(raised).__name__}"])


def test_a_file_of_an_unknown_model_is_the_sender_s_fault(app, face_file, tmp_path):
    arrays = dict(open_model().read())
    arrays["mean"] = arrays["mean"] + 1e-3
    own = save_model(tmp_path / "own.safetensors", "own", arrays)
    data = stc.encode(ASTRONAUT, model=own.path)
    answer = ask(app, "POST", "/decode", content=data)
    assert (answer.status_code, answer.json()["error"]) == (422, "UnknownModelError")
    assert own.fingerprint[:4] in answer.json()["message"]


def test_nothing_is_logged_of_a_face(app, astronaut, caplog, monkeypatch):
    """Not even with --verbose, which logs the position of a face in other commands."""
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: None)
    before = logging.getLogger("stc").level
    monkeypatch.setattr(logging.getLogger("stc"), "level", before)
    assert main(["serve", "--verbose"]) == 0
    caplog.handler.setLevel(logging.DEBUG)
    ask(app, "POST", "/encode", content=astronaut)
    ask(app, "POST", "/encode", content=picture_of("green"))
    assert [record for record in caplog.records if record.name.startswith("stc")] == []


def test_health_and_description(app):
    found = ask(app, "GET", "/health").json()
    assert (found["status"], found["model"]) == ("ok", DEFAULT)
    paths = json.loads(ask(app, "GET", "/openapi.json").content)["paths"]
    assert set(paths) == {"/encode", "/decode", "/health", "/metrics"}
    for path, kinds in (
        ("/encode", {"application/vnd.stc-face", "application/json"}),
        ("/decode", {"image/png"}),
    ):
        answers = paths[path]["post"]["responses"]
        assert set(answers) == {*("200", "400", "408", "413", "415", "422", "500", "503", "504")}
        assert set(answers["200"]["content"]) == kinds


def test_health_tells_of_the_model_that_was_loaded_at_the_start(monkeypatch):
    """The event loop never calls load_codec, whose locks would block all requests."""
    app = create_app(PATIENT, threads=1)
    loop_thread = threading.get_ident()
    callers = []
    real = dispatch.load_codec
    monkeypatch.setattr(
        dispatch, "load_codec", lambda *how: callers.append(threading.get_ident()) or real(*how)
    )
    assert not hasattr(service, "load_codec")

    async def go():
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://stc") as client,
        ):
            return [(await client.get("/health")).json()["model"] for _ in range(3)]

    assert asyncio.run(go()) == [DEFAULT] * 3
    assert len(callers) == 1
    assert loop_thread not in callers


def test_a_service_decodes_what_it_encodes(astronaut, tmp_path):
    """With a custom model that is not shipped."""
    model = open_model()
    arrays = dict(model.read())
    arrays["mean"] = arrays["mean"] + 1e-3
    own = save_model(tmp_path / "own.safetensors", "own", arrays)
    app = create_app(PATIENT, model=str(own.path), threads=1)
    data = ask(app, "POST", "/encode", content=astronaut).content
    answer = ask(app, "POST", "/decode", content=data)
    assert answer.status_code == 200
    shipped = stc.encode(io.BytesIO(astronaut))
    assert ask(app, "POST", "/decode", content=shipped).status_code == 200


def test_so_many_bodies_are_in_memory(astronaut):
    app = create_app(Limits(seconds=600, waiting=1), threads=1)

    async def go():
        held = asyncio.Event()

        async def slow():
            yield astronaut[:1000]
            await held.wait()
            yield astronaut[1000:]

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://stc") as client:
            first = asyncio.create_task(client.post("/encode", content=slow()))
            await asyncio.sleep(0.1)
            second = await client.post("/encode", content=astronaut)
            held.set()
            return await first, second

    first, second = asyncio.run(go())
    assert (first.status_code, second.status_code) == (200, 503)
    assert second.headers["retry-after"] == "1"


def count(text, **labels):
    """The number of requests with these labels in the text of /metrics."""
    wanted = "stc_requests_total{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}"
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(wanted))


def test_under_load_with_bad_input_nothing_is_lost(astronaut, face_file):
    """A server on loopback, eight clients at once, five kinds of requests mixed."""
    kinds = [
        ("/encode?align=never", astronaut, 200),
        ("/decode", face_file, 200),
        ("/encode", astronaut[:9000], 422),
        ("/decode", face_file[:-1], 422),
        ("/decode", bytes(300_000), 413),
    ]

    async def client(number, link):
        return [
            ((await link.post(path, content=body)).status_code, status)
            for path, body, status in kinds[number % 5 :] + kinds[: number % 5]
        ]

    async def storm(port):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600) as link:
            answers = await asyncio.gather(*(client(number, link) for number in range(8)))
            return answers, (await link.get("/metrics")).text

    limits = Limits(body=len(astronaut), seconds=600)
    with serving(create_app(limits, threads=2), limits) as port:
        answers, text = asyncio.run(storm(port))
    assert [found == wanted for each in answers for found, wanted in each] == [True] * 40
    assert count(text, verb="encode", outcome="ok") == 8
    assert count(text, verb="decode", outcome="ok") == 8
    assert count(text, verb="encode", outcome="ImageError") == 8
    assert count(text, verb="decode", outcome="CorruptError") == 8
    assert count(text, verb="decode", outcome="BodyTooLargeError") == 8
    assert "stc_in_work 0.0" in text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--model", "none"], 6, "no model at"),
        (["--threads", "0"], 2, "less than 1"),
        (["--host", "192.0.2.1"], 1, "cannot listen on 192.0.2.1, port 8000"),  # not an own address
    ],
)
def test_a_server_that_cannot_start_says_why(words, code, message, capsys):
    try:
        found = main(["serve", *words])
    except SystemExit as left:
        found = left.code
    assert found == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ([], {}),
        (["--max-body", "3", "--max-seconds", "7"], {"body": 3 << 20, "seconds": 7}),
        (["--max-waiting", "5", "--max-connections", "9"], {"waiting": 5, "connections": 9}),
    ],
)
def test_the_limits_of_the_command_are_those_of_the_service(words, changes, monkeypatch):
    made = []
    served = []
    monkeypatch.setattr(uvicorn, "run", lambda *_, **how: served.append(how["http"].limits))
    monkeypatch.setattr("stc.service.create_app", lambda limits, **_: made.append(limits))
    level = logging.getLogger("stc").level
    try:
        assert main(["serve", *words]) == 0
    finally:
        logging.getLogger("stc").setLevel(level)
    assert made == [Limits(**changes)]
    assert served[0].connections <= made[0].connections
    assert served[0].seconds == made[0].seconds


def test_the_command_tells_of_the_limits_without_a_web_server():
    code = (
        "import sys; from stc.cli.serve import add_parser; import argparse;"
        "text = add_parser(argparse.ArgumentParser().add_subparsers()).format_help();"
        "assert '64 if not given' in text; assert 'fastapi' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
