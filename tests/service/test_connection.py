"""Connections of a server on loopback: idle and slow ones, too many, and early answers."""

import errno
import http.client
import json
import logging
import random
import resource
import socket
import struct
import time

import pytest

from stc.service import Limits, create_app, uvicorn_settings
from stc.service.connection import MAX_UNSENT, Connection
from stc.service.logs import LOGGERS, few_lines
from tests.service.conftest import serving

QUICK = Limits(body=100_000, seconds=0.5, connections=4)
MANY = Limits(body=100_000, seconds=60, connections=4)


@pytest.fixture(scope="module")
def quick():
    """The port of a server with a time limit of half a second."""
    with serving(create_app(QUICK, threads=1), QUICK) as port:
        yield port


@pytest.fixture(scope="module")
def patient():
    """The port of a server with at most four connections and a time limit of a minute."""
    with serving(create_app(MANY, threads=1), MANY) as port:
        yield port


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def rest(link):
    """All bytes that a connection receives until it is closed."""
    parts = []
    try:
        while part := link.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def health(port):
    """The status of /health, on a new connection."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    link.request("GET", "/health", headers={"Connection": "close"})
    answer = link.getresponse()
    answer.read()
    link.close()
    return answer.status


HALF = b"GET /health HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize("start", [b"", b"GET", HALF, HALF + b"\r\n" + HALF])
def test_headers_are_not_waited_for(quick, start):
    """The last case is half a request after a complete one on the same connection."""
    with connect(quick) as link:
        link.sendall(start)
        begin = time.monotonic()
        found = rest(link)
        assert 0.2 < time.monotonic() - begin < 10
    assert found.startswith(b"HTTP/1.1 200 OK" if start.count(b"\r\n\r\n") else b"")


def seconds_until_cut(link, data, pause=0.0):
    """Seconds until a connection that sends `data` repeatedly is closed; at most 30."""
    begin = time.monotonic()
    link.settimeout(0.2)
    while time.monotonic() - begin < 30:
        try:
            link.sendall(data)
        except TimeoutError:  # the other side does not read
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
        time.sleep(pause)
    return time.monotonic() - begin


def test_headers_that_trickle_do_not_gain_time(quick):
    with connect(quick) as link:
        link.sendall(HALF)
        assert 0.3 < seconds_until_cut(link, b"a: b\r\n", 0.05) < 10


def test_who_does_not_read_is_cut(quick):
    """A client that sends requests and never reads an answer."""
    with connect(quick) as link:
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 100
        assert seconds_until_cut(link, asked) < 20


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="not of this system")
def test_the_system_holds_little_of_an_answer(monkeypatch):
    """Otherwise it would accept no data for so long that slow clients would be disconnected."""
    links = []
    made = Connection.connection_made
    monkeypatch.setattr(
        Connection,
        "connection_made",
        lambda self, link: made(self, link) or links.append(link.get_extra_info("socket")),
    )
    with serving(create_app(MANY, threads=1), MANY) as port, connect(port) as link:
        link.sendall(HALF + b"\r\n")
        assert link.recv(15) == b"HTTP/1.1 200 OK"
        assert links[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == MAX_UNSENT


def test_idle_connections_make_room(patient):
    """Requests are answered despite many idle connections; the oldest are closed first."""
    idle = [connect(patient) for _ in range(12)]
    assert [health(patient) for _ in range(3)] == [200] * 3
    assert rest(idle[0]) == b""
    idle[-1].sendall(HALF + b"\r\n")
    assert idle[-1].recv(15) == b"HTTP/1.1 200 OK"
    for link in idle:
        link.close()


def test_a_connection_too_many_gets_an_answer(patient):
    """All other connections are sending bodies."""
    busy = [connect(patient) for _ in range(4)]
    for link in busy:
        link.sendall(b"POST /encode HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx")
    time.sleep(0.3)
    with connect(patient) as more:
        found = rest(more)
    head, body = found.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 1" in head
    assert json.loads(body) == {
        "error": "BusyError",
        "message": "4 connections are open already",
    }
    for link in busy:
        link.close()
    assert health(patient) == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\na: " + b"x" * 70_000, 431),
        (b"POST /encode HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\n\r\ngarbage\r\n\r\n", 200),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_gets_an_answer(patient, sent, status, caplog):
    with connect(patient) as link:
        link.sendall(sent)
        found = rest(link)
    assert found.startswith(b"HTTP/1.1 %d " % status)
    if status != 200:
        assert json.loads(found.rpartition(b"\r\n")[2])["error"] == "HttpError"
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def damaged(number):
    """Consecutive requests with some bytes changed, inserted or removed."""
    pick = random.Random(number)  # noqa: S311 # not secrets
    data = bytearray(b"".join(pick.choices(REQUESTS, k=pick.randint(1, 3))))
    for _ in range(pick.choice([0, 1, 2, 5])):
        place = pick.randrange(len(data))
        put = bytes(pick.choices(b"\r\n :0aZ\0\xff", k=pick.randint(0, 4)))
        data[place : place + pick.choice([0, 0, 1, 20])] = put
    return bytes(data)


REQUESTS = [
    HALF + b"\r\n",
    b"HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST /decode HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /encode HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n0\r\n\r\n",
    b"POST /decode?size=9 HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /health HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999\r\n\r\n",
]


def test_damaged_requests_do_no_harm(quick, caplog):
    """Half of the clients reset their connection without reading."""
    for number in range(100):
        with connect(quick) as link:
            link.sendall(damaged(number))
            if number % 2:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                link.shutdown(socket.SHUT_WR)
                assert not (found := rest(link)) or found.startswith(b"HTTP/1.1 ")
    assert health(quick) == 200
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_a_client_that_went_while_it_was_refused():
    class Gone:
        aborted = False

        def write(self, data):
            assert data.startswith(b"HTTP/1.1 503 ")

        def can_write_eof(self):
            return True

        def write_eof(self):
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

        def abort(self):
            self.aborted = True

    connection = object.__new__(Connection)
    connection.transport = Gone()
    connection._refuse()
    assert connection.transport.aborted


@pytest.mark.parametrize("length", ["declared", "chunked", "absurd"])
def test_who_sends_too_much_reads_why(patient, length):
    """Although the route reads only a part of the body."""
    body = bytes(300_000)
    with connect(patient) as link:
        link.settimeout(30)
        if length == "chunked":
            head = b"Transfer-Encoding: chunked"
            body = (b"%x\r\n" % len(body) + body + b"\r\n") + b"0\r\n\r\n"
        else:
            digits = b"%d" % len(body) if length == "declared" else b"9" * 20
            head = b"Content-Length: " + digits
        link.sendall(b"POST /encode HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n")
        link.sendall(body)  # all of it, before anything is read
        found = rest(link)
    assert found.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in found
    assert json.loads(found.partition(b"\r\n\r\n")[2])["error"] == "BodyTooLargeError"


@pytest.mark.parametrize("path", ["/nothing", "/encode?max-bytes=1", "/health", "/decode?size=x"])
def test_every_refusal_is_read_by_who_is_still_sending(patient, path):
    link = http.client.HTTPConnection("127.0.0.1", patient, timeout=30)
    link.request("POST", path, bytes(1_000_000))
    answer = link.getresponse()
    assert 400 <= answer.status < 500
    assert json.loads(answer.read())["message"]
    link.close()


def test_a_body_without_end_is_not_read_for_ever(quick):
    with connect(quick) as link:
        link.sendall(b"POST /encode HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert seconds_until_cut(link, b"10000\r\n" + bytes(0x10000) + b"\r\n") < 15


def test_who_asks_first_sends_nothing(patient):
    """With Expect: 100-continue, as curl sends it with large bodies."""
    with connect(patient) as link:
        link.sendall(b"POST /encode HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n")
        link.sendall(b"Expect: 100-continue\r\n\r\n")
        begin = time.monotonic()
        found = rest(link)
        assert time.monotonic() - begin < 1.5
    assert found.startswith(b"HTTP/1.1 413 ")


def test_a_flood_is_a_line_in_the_log(patient):
    written = []
    listener = logging.Handler(logging.WARNING)
    listener.emit = lambda record: written.append(record.getMessage())
    for name in LOGGERS:  # uvicorn's do not propagate
        logging.getLogger(name).addHandler(listener)
    with few_lines():
        links = [connect(patient) for _ in range(100)]
        assert health(patient) == 200
        for link in links:
            link.close()
        for _ in range(20):
            with connect(patient) as link:
                link.sendall(b"garbage\r\n\r\n")
                rest(link)
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(listener)
    assert sorted(written) == ["Invalid HTTP request received.", "more than 4 connections"]


def test_connections_leave_files_to_open(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    settings = uvicorn_settings(Limits(connections=500))
    assert settings["http"].limits.connections + settings["backlog"] <= 48
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert uvicorn_settings(Limits(connections=500))["http"].limits.connections == 500
