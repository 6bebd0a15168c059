"""The page at `/`: its answers, and servers with a page, without one, or with another file."""

import logging
import socket
import time
from pathlib import Path

import pytest
import uvicorn

import stc
from stc.cli.main import main
from stc.errors import StcError
from stc.service import Limits, create_app, installed_page
from stc.service import page as service_page
from stc.service.page import MAX_PAGE, PART, Page
from tests.service.conftest import PATIENT, ask, serving

POLICY = b'<meta http-equiv="Content-Security-Policy" content="connect-src \'none\'">'
CONTENT = b"<!doctype html>\n" + POLICY + b"<p>\xc3\xa9" + bytes(range(256)) * 1000
BUILT = Path("web/page/dist/stc.html")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "stc.html"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def offering(file):
    """A service with a page."""
    return create_app(PATIENT, threads=1, page=file)


def test_the_page_is_offered(offering):
    answer = ask(offering, "GET", "/")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    expected = {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(CONTENT)),
        "content-security-policy": "frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
    }
    assert {name: answer.headers[name] for name in expected} == expected


def test_head_is_get_without_a_body(offering):
    full, head = ask(offering, "GET", "/"), ask(offering, "HEAD", "/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == full.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
def test_a_page_that_has_not_changed_is_not_sent_again(offering, method, known):
    tag = ask(offering, "GET", "/").headers["etag"]
    answer = ask(offering, method, "/", headers={"If-None-Match": known.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert "content-length" not in answer.headers


def test_another_page_is_sent(offering, file):
    tag = ask(offering, "GET", "/").headers["etag"]
    file.write_bytes(CONTENT + b"!")
    other = create_app(PATIENT, threads=1, page=file)
    answer = ask(other, "GET", "/", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (200, CONTENT + b"!")
    assert answer.headers["etag"] != tag


def test_the_file_is_read_once(offering, file):
    file.unlink()
    assert ask(offering, "GET", "/").content == CONTENT


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/?model=1", "there is no parameter 'model'; known: none"),
        ("/?max_bytes=9", "there is no parameter 'max_bytes' here, only for /encode; known: none"),
    ],
)
def test_it_has_no_parameters(offering, path, message):
    answer = ask(offering, "GET", path)
    assert (answer.status_code, answer.json()["error"]) == (400, "ArgumentError")
    assert answer.json()["message"] == message


def test_it_takes_nothing(offering):
    answer = ask(offering, "POST", "/", content=b"x" * 999)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["message"] == "Method Not Allowed: this route supports GET, HEAD"


def test_it_is_described_and_named_where_it_is(offering, app):
    assert "/" in ask(offering, "GET", "/openapi.json").json()["paths"]
    assert "there are /encode, /decode, " in ask(offering, "GET", "/x").json()["message"]
    assert "/" not in ask(app, "GET", "/openapi.json").json()["paths"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_server_without_it_states_that(app, method):
    answer = ask(app, method, "/")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    if method != "HEAD":
        assert answer.json()["error"] == "HttpError"
        assert "this server was started without its page" in answer.json()["message"]
        assert "--" not in answer.text
    assert "page" not in ask(app, "GET", "/other").text


def test_it_is_sent_in_parts(file):
    """A connection is closed if a part is not read in time, so parts must be small."""
    sent = []

    async def send(message):
        sent.append(message)

    response = Page(file).answer("")
    with pytest.raises(StopIteration):
        response({"type": "http"}, None, send).send(None)
    parts = [message["body"] for message in sent[1:]]
    assert b"".join(parts) == CONTENT
    assert all(len(part) <= PART for part in parts)
    assert [message["more_body"] for message in sent[1:]] == [True] * (len(parts) - 1) + [False]


def test_a_slow_client_gets_all_of_it(tmp_path):
    """It needs more time than the server allows a client that does not read."""
    large = tmp_path / "stc.html"
    large.write_bytes(CONTENT + bytes(6 << 20))
    limits = Limits(seconds=4)
    app = create_app(limits, threads=1, page=large)
    with (
        serving(app, limits) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as link,
    ):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        link.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        size = 0
        while part := link.recv(1 << 16):
            size += len(part)
            time.sleep(0.06)
    assert size > large.stat().st_size


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xfa\xc1" + CONTENT,
        CONTENT.replace(b"'none'", b"'self'"),  # as index.html of the same build has it
        b"<!doctype html>" + b" " * 5000 + POLICY,
        CONTENT + bytes(MAX_PAGE),
    ],
    ids=["empty", "no page", "needs files", "no policy", "too large"],
)
def test_another_file_is_not_taken_for_it(tmp_path, content):
    path = tmp_path / "index.html"
    path.write_bytes(content)
    with pytest.raises(StcError, match=r"index\.html is not the page in one file, stc\.html"):
        create_app(PATIENT, threads=1, page=path)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("none.html", 11, "none.html: No such file or directory"),
        (".", 11, ": Is a directory"),
        ("index.html", 1, "index.html is not the page in one file"),
    ],
)
def test_a_server_that_cannot_read_it_does_not_start(
    tmp_path, name, code, message, monkeypatch, capsys
):
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: pytest.fail("it serves"))
    (tmp_path / "index.html").write_bytes(b"<!doctype html><script src=app.js></script>")
    assert main(["serve", "--page", str(tmp_path / name)]) == code
    assert message in capsys.readouterr().err


@pytest.fixture
def served(monkeypatch):
    """A list of the applications that the command would serve."""
    apps = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **_: apps.append(app))
    level = logging.getLogger("stc").level
    yield apps
    logging.getLogger("stc").setLevel(level)


def test_the_installed_page_is_offered_unless_another_is_named(file, tmp_path, served, monkeypatch):
    monkeypatch.setattr(service_page, "INSTALLED", tmp_path / "page.html")
    assert installed_page() is None
    assert main(["serve"]) == 0
    (tmp_path / "page.html").write_bytes(CONTENT + b"installed")
    assert installed_page() == tmp_path / "page.html"
    assert main(["serve"]) == 0
    assert main(["serve", "--page", str(file)]) == 0
    without, installed, named = (ask(app, "GET", "/") for app in served)
    assert without.status_code == 404
    assert installed.content == CONTENT + b"installed"
    assert named.content == CONTENT


def test_it_is_packed_from_where_it_is_looked_for():
    package = Path(stc.__file__).parent
    assert package / "service" / "page.html" == service_page.INSTALLED
    assert '"service/page.html"' in Path("pyproject.toml").read_text()


@pytest.mark.skipif(not BUILT.is_file(), reason="web/page not built")
def test_the_page_as_it_is_built_is_taken():
    assert Page(BUILT).answer("").status_code == 200
