"""Limits on the server's connections: their number, and how long one may be idle.

uvicorn waits without a limit for the headers of a request and for a client that does not read. A
few hundred idle clients would use up all files that the process may open.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import sys
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from stc.service.limits import Limits

MAX_UNSENT = 1 << 14  # bytes of answers that the system buffers and has not sent yet
LINGER = 2.0  # seconds that a refused client has to read the answer

_log = logging.getLogger(__name__)


class Connection(H11Protocol):
    """A connection that is closed if the server waits for it for more than `limits.seconds`.

    The time runs while the headers of the first or next request are awaited, and while the client
    does not read the answer. `Dispatcher` limits the time for bodies and work. If there are more
    than `limits.connections`, the connection that has been without a request for the longest time
    is closed; if all have a request, the new one is answered with status 503.
    """

    limits = Limits()
    _timer: asyncio.TimerHandle | None = None
    _refused = False
    _waits_since = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether no request is being answered."""
        return self._refused or self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _hold_little(transport)
        self._waits_since = self.loop.time()
        if len(self.connections) > self.limits.connections and not self._make_room():
            self._refuse()
        else:
            self._start_timer(self.limits.seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._waits_since = self.loop.time()
        self._stop_timer()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_timer()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Answer data that is not valid HTTP in JSON, like every error.

        uvicorn calls it while it handles h11's exception.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # a handler that awaits the body gets a disconnect
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # an answer has begun already
            return
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self.transport.write(_response(HTTPStatus(status), "HttpError", msg.rstrip(".")))
        self._linger()

    def _watch(self) -> None:
        """Start the timer if the server waits for the client; stop it otherwise."""
        if not (self.is_waiting or self.flow.write_paused):
            self._stop_timer()
        elif self._timer is None:
            self._start_timer(self.limits.seconds)

    def _make_room(self) -> bool:
        """Close the connection that has been without a request for the longest time.

        Returns False if every other connection has a request.
        """
        others = (one for one in self.connections if isinstance(one, Connection))
        waiting = [one for one in others if one.is_waiting and one is not self]
        _log.warning("more than %d connections", self.limits.connections)
        if not waiting:
            return False
        oldest = min(waiting, key=lambda one: one._waits_since)
        self.connections.discard(oldest)  # connection_lost also does this, but later
        oldest.transport.abort()
        return True

    def _refuse(self) -> None:
        message = f"{self.limits.connections} connections are open already"
        status = HTTPStatus.SERVICE_UNAVAILABLE
        self.transport.write(_response(status, "BusyError", message, "Retry-After: 1"))
        self._linger()

    def _linger(self) -> None:
        """End the answer and discard further input for a while.

        Closing at once would reset the connection, and the client would lose what it has not read.
        """
        self._refused = True
        try:
            if self.transport.can_write_eof():
                self.transport.write_eof()
        except OSError:  # the client has gone already
            self.transport.abort()
            return
        self._start_timer(LINGER)

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def connection_class(limits: Limits) -> type[Connection]:
    """A subclass of `Connection` with these limits, for uvicorn's setting `http`."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


def _hold_little(transport: asyncio.Transport) -> None:
    """Limit the unsent bytes that the system buffers for a connection.

    By default it accepts megabytes at once, and the next bytes only after a third of them was sent:
    until then, a client that reads slowly cannot be distinguished from one that does not read.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    link = transport.get_extra_info("socket")
    if option is not None and link is not None and link.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            link.setsockopt(socket.IPPROTO_TCP, option, MAX_UNSENT)


def _response(status: HTTPStatus, name: str, message: str, *headers: str) -> bytes:
    """The bytes of a complete last response, in the form of `stc.service.dispatch.failure`."""
    content: dict[str, Any] = {"error": name, "message": message}
    body = json.dumps(content).encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
